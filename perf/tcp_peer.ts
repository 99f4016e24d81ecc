/**
 * Both endpoints of a transfer over TCP, with the runtime's sockets and the kernel's congestion control.
 *
 * @module
 */

import path from "node:path";
import type { SenderStats } from "./lines.ts";
import type { ClientTask, Peer, ServerHooks, ServerTask } from "./peer_types.ts";
import { type ByteChannel, receiveFile, sendFile } from "./plain_copy.ts";

const BUFFER_BYTES = 256 * 1024;

/** TCP, from client to server only. */
export const tcpPeer: Peer = {
  async serve({ host, root }: ServerTask, { onListening, onBegin, onEnd }: ServerHooks): Promise<void> {
    const listener = Deno.listen({ hostname: host, port: 0 });
    onListening(listener.addr.port);
    for await (const connection of listener) {
      await receiveFile(channelOf(connection), path.join(root, "file"), onBegin);
      onEnd();
    }
  },

  async transfer({ host, port, file }: ClientTask, onEnd: (sender?: SenderStats) => void): Promise<void> {
    using connection = await Deno.connect({ hostname: host, port });
    await sendFile(channelOf(connection), file);
    onEnd();
  },
};

function channelOf(connection: Deno.TcpConn): ByteChannel {
  const buffer = new Uint8Array(BUFFER_BYTES);
  connection.setNoDelay();
  return {
    async read() {
      const count = await connection.read(buffer);
      return count === null ? undefined : buffer.subarray(0, count);
    },
    async write(bytes) {
      for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
    },
  };
}
