/**
 * Both endpoints of a transfer over QUIC, with the runtime's implementation, which is not stable yet
 * (`--unstable-net`), and its congestion control for throughput.
 *
 * @module
 */

import path from "node:path";
import type { SenderStats } from "./lines.ts";
import type { ClientTask, Peer, ServerHooks, ServerTask } from "./peer_types.ts";
import { type ByteChannel, receiveFile, sendFile } from "./plain_copy.ts";

const TRANSPORT = { alpnProtocols: ["perf"], congestionControl: "throughput" } as const;

/** QUIC, from client to server only. */
export const quicPeer: Peer = {
  async serve(task: ServerTask, { onListening, onBegin, onEnd }: ServerHooks): Promise<void> {
    const { host, root, certificate: cert = "", privateKey: key = "" } = task;
    const endpoint = new Deno.QuicEndpoint({ hostname: host, port: 0 });
    const listener = endpoint.listen({ cert, key, ...TRANSPORT, alpnProtocols: [...TRANSPORT.alpnProtocols] });
    onListening(endpoint.addr.port);
    for await (const incoming of listener) {
      const connection = await incoming.accept();
      for await (const stream of connection.incomingBidirectionalStreams) {
        await receiveFile(channelOf(stream), path.join(root, "file"), onBegin);
        onEnd();
      }
    }
  },

  async transfer(task: ClientTask, onEnd: (sender?: SenderStats) => void): Promise<void> {
    const { host: hostname, port, file, certificate = "" } = task;
    const alpnProtocols = [...TRANSPORT.alpnProtocols];
    const connection = await Deno.connectQuic({ ...TRANSPORT, hostname, port, alpnProtocols, caCerts: [certificate] });
    await sendFile(channelOf(await connection.createBidirectionalStream()), file);
    onEnd();
    connection.close();
  },
};

function channelOf(stream: Deno.QuicBidirectionalStream): ByteChannel {
  const reader = stream.readable.getReader();
  const writer = stream.writable.getWriter();
  return {
    read: async () => (await reader.read()).value,
    write: (bytes) => writer.write(bytes),
  };
}
