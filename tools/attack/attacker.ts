/**
 * The attacker of `tools/attack.ts`, a process of its own: runs one scenario against a server on this machine until it is
 * killed, and prints its progress every second.
 *
 *     attacker.ts NAME PORT
 *
 * @module
 */

import { randomInt } from "node:crypto";
import process from "node:process";
import { setImmediate } from "node:timers";
import { formatHostPort, NetAddress } from "../../base/net_address.ts";
import { Random } from "../../base/random.ts";
import { HostileNode, Scene } from "../../testing/hostile/hostile_peer.ts";
import { ATTACK_SCENARIOS } from "./scenarios.ts";

/** Datagrams to send before receiving. */
const BATCH = 64;

/** Larger than any datagram. */
const BUFFER_BYTES = 65_536;

/** A hostile node on real sockets, one for each of its addresses. */
class SocketNode {
  readonly #node: HostileNode;
  readonly #sockets = new Map<string, Deno.DatagramConn>();
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  sentCount = 0;

  constructor(hosts: readonly string[], port: number) {
    for (const hostname of hosts) {
      const socket = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
      const { port: own } = socket.addr as Deno.NetAddr;
      this.#sockets.set(formatHostPort(hostname, own), socket);
    }
    const server = formatHostPort("127.0.0.1", port);
    const secrets = new Random(randomInt(2 ** 32));
    this.#node = new HostileNode({ own: [...this.#sockets.keys()], forged: [], server, secrets });
    for (const [address, socket] of this.#sockets) void this.#receive(address, socket);
  }

  get node(): HostileNode {
    return this.#node;
  }

  async run(): Promise<never> {
    const { host, port } = NetAddress.parse(this.#node.server);
    const to = { transport: "udp", hostname: host, port } as const;
    while (true) {
      const nowUs = Math.round(performance.now() * 1000);
      this.#node.handleTimeout(nowUs);
      let isIdle = true;
      for (let count = 0; count < BATCH; count++) {
        const next = this.#node.pollTransmit(nowUs, this.#buffer);
        if (next === undefined) break;
        isIdle = false;
        this.sentCount++;
        // If the socket buffer is full, the datagram is lost.
        await this.#sockets.get(next.from!)!.send(this.#buffer.subarray(0, next.length), to).catch(() => {});
      }
      await new Promise((resolve) => isIdle ? setTimeout(resolve, 1) : setImmediate(resolve));
    }
  }

  async #receive(address: string, socket: Deno.DatagramConn): Promise<never> {
    const buffer = new Uint8Array(BUFFER_BYTES);
    while (true) {
      const [bytes] = await socket.receive(buffer).catch(() => [new Uint8Array(0)] as const);
      if (bytes.length > 0) this.#node.receive(Math.round(performance.now() * 1000), bytes, this.#node.server, address);
    }
  }
}

async function main([name = "", port = ""]: readonly string[]): Promise<void> {
  const scenario = ATTACK_SCENARIOS.find((candidate) => candidate.name === name);
  if (scenario === undefined) throw new Error(`no such attack: "${name}"`);
  const hosts = Array.from({ length: scenario.addresses }, (_, i) => `127.0.${1 + (i >> 7)}.${2 + (i & 127)}`);
  const sockets = new SocketNode(hosts, Number(port));
  const scene = new Scene(sockets.node, { random: new Random(1), overheard: [] });
  for (let index = 0; index < scenario.addresses; index++) sockets.node.follow(scenario.script(scene, index), 0);
  setInterval(() => {
    const peers = sockets.node.peers.filter(({ largestReceived, closedWith }) =>
      largestReceived >= 0 && closedWith === undefined
    );
    process.stdout.write(`${JSON.stringify({ datagrams: sockets.sentCount, connections: peers.length })}\n`);
  }, 1000);
  await sockets.run();
}

if (import.meta.main) await main(Deno.args);
