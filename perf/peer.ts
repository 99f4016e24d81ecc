/**
 * One end of a transfer in wall time, as a process of its own, so that each has its own CPU time and memory:
 *
 *     peer.ts server TASK     prints its port, then a line for the transfer; ends when its standard input does
 *     peer.ts client TASK     makes one transfer and prints a line
 *
 * Tasks and lines are JSON. The server's cost begins with the transfer, the client's before it connects.
 *
 * @module
 */

import { printLine, untilInputEnds } from "./lines.ts";
import { Meter } from "./meter.ts";
import type { ClientTask, Peer, Protocol, ServerTask } from "./peer_types.ts";

/** Loaded when wanted: a process that copies over TCP does not pay for starting Sluice. */
const PEERS: Readonly<Record<Protocol, () => Promise<Peer>>> = {
  sluice: async () => (await import("./sluice_peer.ts")).sluicePeer,
  tcp: async () => (await import("./tcp_peer.ts")).tcpPeer,
  quic: async () => (await import("./quic_peer.ts")).quicPeer,
};

async function serve(task: ServerTask): Promise<void> {
  const peer = await PEERS[task.protocol]();
  let meter: Meter | undefined;
  await peer.serve(task, {
    onListening: (port) => printLine({ kind: "listening", port }),
    onBegin: () => meter ??= new Meter(),
    onEnd: (sender) => {
      if (meter !== undefined) printLine({ kind: "end", sender, ...meter.stop() });
      meter = undefined;
    },
  });
}

async function transfer(task: ClientTask): Promise<void> {
  const peer = await PEERS[task.protocol]();
  const startMs = performance.now();
  const meter = new Meter();
  await peer.transfer(task, (sender) => {
    const seconds = (performance.now() - startMs) / 1000;
    printLine({ kind: "end", seconds, sender, ...meter.stop() });
  });
}

if (import.meta.main) {
  const [role, task = "{}"] = Deno.args;
  if (role === "client") {
    await transfer(JSON.parse(task) as ClientTask);
  } else {
    void untilInputEnds().then(() => Deno.exit(0));
    await serve(JSON.parse(task) as ServerTask);
  }
}
