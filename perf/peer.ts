/**
 * One endpoint of a transfer in wall time, as a process of its own, so that each has its own CPU time and memory:
 *
 *     peer.ts server TASK     prints its port, then a line for the transfer; ends when its standard input is closed
 *     peer.ts client TASK     makes one transfer and prints a line
 *
 * Tasks and lines are JSON. The server's usage is measured from the start of the transfer, the client's from connecting.
 *
 * @module
 */

import { printLine, untilInputEnds } from "./lines.ts";
import { ResourceMeter } from "./resource_meter.ts";
import type { ClientTask, Peer, Protocol, ServerTask } from "./peer_types.ts";

/** Imported on demand, so that a process that copies over TCP does not load Sluice. */
const PEERS: Readonly<Record<Protocol, () => Promise<Peer>>> = {
  sluice: async () => (await import("./sluice_peer.ts")).sluicePeer,
  tcp: async () => (await import("./tcp_peer.ts")).tcpPeer,
  quic: async () => (await import("./quic_peer.ts")).quicPeer,
};

async function serve(task: ServerTask): Promise<void> {
  const peer = await PEERS[task.protocol]();
  let meter: ResourceMeter | undefined;
  await peer.serve(task, {
    onListening: (port) => printLine({ kind: "listening", port }),
    onBegin: () => meter ??= new ResourceMeter(),
    onEnd: (sender) => {
      if (meter !== undefined) printLine({ kind: "end", sender, ...meter.stop() });
      meter = undefined;
    },
  });
}

async function transfer(task: ClientTask): Promise<void> {
  const peer = await PEERS[task.protocol]();
  const startMs = performance.now();
  const meter = new ResourceMeter();
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
