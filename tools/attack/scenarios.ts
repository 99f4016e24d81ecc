/**
 * Attacks at their real size, on a server with its own limits: what `testing/hostile/attacks/exhaustion.ts` has in small.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { DEFAULT_CONFIG, KEY_BYTES } from "../../protocol/mod.ts";
import { encodeMessage } from "../../transfer/message_encoder.ts";
import { writeHello } from "../../protocol/wire/packet.ts";
import { written } from "../../testing/fuzz/target.ts";
import { putOf } from "../../testing/hostile/attacks/bytes.ts";
import type { HostilePeer, Scene, Script } from "../../testing/hostile/hostile_peer.ts";

/** One attack. */
export interface AttackScenario {
  readonly name: string;
  /** Addresses that it comes from, each with a script of its own; they are on this machine's loopback. */
  readonly addresses: number;
  readonly script: (scene: Scene, address: number) => Script;
  /** It goes on whether the server answers or not. */
  readonly isDeaf?: true;
}

/** A file that the server has, large enough to be on its way for as long as its reader likes. */
export const BAIT_NAME = "bait";

const MS = 1_000;
const SECOND = 1_000_000;

const { maxStreams, orderedWindowBytes } = DEFAULT_CONFIG;

const GET = encodeMessage({ type: "get", name: BAIT_NAME });
const LIST = encodeMessage({ type: "list" });
const STAT = encodeMessage({ type: "stat", name: BAIT_NAME });
const NOTHING = encodeMessage({ type: "digest", sha256: createHash("sha256").digest() });

/** Bytes at the end of each block that the server holds what came too early in. */
const BLOCK_BYTES = 4096;

/** Requests on a connection before the next has its turn. */
const STORM_BATCH = 16;

/** Connections from one address, as many as are taken. */
function* connections(
  scene: Scene,
  options: { address: number; count: number; adjust?: (peer: HostilePeer) => void },
): Generator<number, HostilePeer[]> {
  const peers: HostilePeer[] = [];
  for (let count = 0; count < options.count; count++) {
    const peer = scene.peer(scene.own(options.address));
    options.adjust?.(peer);
    yield* peer.connect();
    if (peer.closedWith === undefined && peer.largestReceived >= 0) peers.push(peer);
  }
  return peers;
}

/** Keeps them for ever. */
function* keepAlive(peers: readonly HostilePeer[]): Script {
  while (true) {
    for (const peer of peers) peer.send({ frame: "ping" });
    yield SECOND;
  }
}

/** On each stream of each connection. */
function* onAll(
  peers: readonly HostilePeer[],
  say: (peer: HostilePeer, streamId: number) => void,
): Script {
  for (const peer of peers) {
    for (let streamId = 0; streamId < maxStreams; streamId++) {
      say(peer, streamId);
      if (streamId % 16 === 0) yield MS;
    }
  }
}

/** Requests on each of them, as many and as often as the server takes them. */
function* storm(peers: readonly HostilePeer[], requestOf: (count: number) => Uint8Array): Script {
  const said = peers.map(() => 0);
  while (true) {
    for (const [index, peer] of peers.entries()) {
      const end = Math.min(Math.max(maxStreams, peer.maxStreams), said[index]! + STORM_BATCH);
      for (; said[index]! < end; said[index]!++) peer.say(said[index]!, requestOf(said[index]!), { fin: true });
    }
    yield MS;
  }
}

/** An empty file, all of it. */
function emptyFile(name: string): Uint8Array {
  const put = encodeMessage({ type: "put", name, sizeBytes: 0, modifiedUs: 1, overwrite: true });
  return Uint8Array.of(...put, ...NOTHING);
}

/** All attacks. */
export const ATTACK_SCENARIOS: readonly AttackScenario[] = [
  {
    name: "hello-flood",
    addresses: 64,
    isDeaf: true,
    *script(scene, address) {
      const handshake = scene.random.bytes(KEY_BYTES);
      const fields = { sourceId: address + 1, handshake, cookie: new Uint8Array(0) };
      const hello = written((writer) => writeHello(writer, fields));
      while (true) {
        scene.raw(hello, scene.own(address));
        yield 4 * MS;
      }
    },
  },
  {
    name: "handshakes-without-end",
    addresses: 32,
    *script(scene, address) {
      while (true) {
        const peer = scene.peer(scene.own(address));
        yield* peer.greet();
        peer.clientFinish([{ frame: "close", isApplication: true, code: 0, reason: "" }]);
        yield 2 * MS;
      }
    },
  },
  {
    name: "connections-of-one-address",
    addresses: 1,
    *script(scene, address) {
      yield* keepAlive(yield* connections(scene, { address, count: 1000 }));
    },
  },
  {
    name: "connections-of-many",
    addresses: 32,
    *script(scene, address) {
      yield* keepAlive(yield* connections(scene, { address, count: 64 }));
    },
  },
  {
    name: "list-storm",
    addresses: 8,
    *script(scene, address) {
      yield* storm(yield* connections(scene, { address, count: 8 }), () => LIST);
    },
  },
  {
    name: "lookup-storm",
    addresses: 8,
    *script(scene, address) {
      yield* storm(yield* connections(scene, { address, count: 8 }), () => STAT);
    },
  },
  {
    // Each makes the disk write and wait.
    name: "empty-files",
    addresses: 8,
    *script(scene, address) {
      yield* storm(yield* connections(scene, { address, count: 4 }), (count) => emptyFile(`empty-${address}-${count}`));
    },
  },
  {
    // Each list is of another folder than the one before, as far as the server knows.
    name: "lists-and-files",
    addresses: 8,
    *script(scene, address) {
      const peers = yield* connections(scene, { address, count: 4 });
      yield* storm(peers, (count) => count % 2 === 0 ? LIST : emptyFile(`again-${address}-${count % 10}`));
    },
  },
  {
    name: "stalled-uploads",
    addresses: 8,
    *script(scene, address) {
      const peers = yield* connections(scene, { address, count: 4 });
      yield* onAll(peers, (peer, streamId) => {
        const name = `stalled-${peer.id}-${streamId}`;
        peer.say(streamId, putOf(name, 2 ** 20));
      });
      yield* keepAlive(peers);
    },
  },
  {
    name: "slow-readers",
    addresses: 8,
    *script(scene, address) {
      const adjust = (peer: HostilePeer) => void (peer.parameters = { ...peer.parameters, initialMaxData: 65_536 });
      const peers = yield* connections(scene, { address, count: 4, adjust });
      yield* onAll(peers, (peer, streamId) => peer.say(streamId, GET));
      yield* keepAlive(peers);
    },
  },
  {
    // A byte at the end of each block that there is room for, on each stream: each byte costs the server 4 KiB.
    name: "holes-in-memory",
    addresses: 16,
    *script(scene, address) {
      const peers = yield* connections(scene, { address, count: 16 });
      for (let offset = BLOCK_BYTES - 1; offset < orderedWindowBytes; offset += BLOCK_BYTES) {
        for (const peer of peers) {
          const streams = Array.from({ length: 32 }, (_, streamId) => streamId);
          peer.send(
            ...streams.map((streamId) => ({ frame: "stream", streamId, offset, data: "00", fin: false }) as const),
          );
        }
        yield 20 * MS;
      }
      yield* keepAlive(peers);
    },
  },
];
