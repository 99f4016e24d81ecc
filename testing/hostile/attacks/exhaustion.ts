/**
 * Taking all that there is: connections, handshakes, transfers, memory, and keeping it. The bounds are in
 * `app/server/limits.ts`; a client that comes in the middle of each has to be served.
 *
 * @module
 */

import { encodePacket } from "../../wire_values.ts";
import { TransportErrorCode } from "../../../protocol/mod.ts";
import { encodeMessage } from "../../../transfer/message_encoder.ts";
import { type Attack, FIXTURE_CONFIG, FIXTURE_CONNECTIONS, FIXTURE_LIMITS } from "../fixture.ts";
import type { HostilePeer, Scene } from "../hostile_peer.ts";
import { GET_BAIT, MS, putOf, SECOND } from "./bytes.ts";

const { maxStreams, orderedWindowBytes } = FIXTURE_CONFIG;

/** Connections from as many addresses as there are, as many as are taken. */
function* allThatThereIs(
  scene: Scene,
  adjust: (peer: HostilePeer) => void = () => {},
): Generator<number, HostilePeer[]> {
  const peers: HostilePeer[] = [];
  for (let count = 0; count < FIXTURE_CONNECTIONS; count++) {
    const peer = scene.peer(scene.own(count));
    adjust(peer);
    yield* peer.connect();
    if (peer.closedWith === undefined) peers.push(peer);
  }
  return peers;
}

/** Keeps connections until shortly before the end. */
function* keepAlive(
  scene: Scene,
  peers: readonly HostilePeer[],
  andSay: (peer: HostilePeer, count: number) => void = () => {},
) {
  for (let count = 0; scene.nowUs < 29 * SECOND; count++) {
    for (const peer of peers) {
      peer.send({ frame: "ping" });
      andSay(peer, count);
    }
    yield SECOND;
  }
}

/** See the module's description. */
export const EXHAUSTION: readonly Attack[] = [
  {
    name: "connections-of-one-address",
    *script(scene) {
      const peers: HostilePeer[] = [];
      // Few enough that the first is not idle for too long before the last has come.
      for (let count = 0; count < 3 * FIXTURE_LIMITS.maxConnectionsPerAddress; count++) {
        const peer = scene.peer();
        peers.push(peer);
        yield* peer.connect();
      }
      const refused = peers.filter(({ closedWith }) => closedWith === TransportErrorCode.connectionRefused);
      const taken = peers.filter(({ largestReceived, closedWith }) => largestReceived >= 0 && closedWith === undefined);
      if (taken.length > FIXTURE_LIMITS.maxConnectionsPerAddress) throw new Error(`${taken.length} were taken`);
      if (refused.length === 0) throw new Error("none was refused in words");
    },
  },
  {
    name: "connections-of-all-addresses",
    *script(scene) {
      yield* keepAlive(scene, yield* allThatThereIs(scene));
    },
  },
  {
    name: "hellos-without-end",
    *script(scene) {
      while (scene.nowUs < 10 * SECOND) {
        for (let count = 0; count < 30; count++) {
          const from = scene.random.integer(1, 2 ** 53 - 1);
          const handshake = scene.random.bytes(32).toHex();
          const hello = encodePacket({ packet: "hello", from, handshake, cookie: "", sizeBytes: 1200 });
          scene.raw(hello, scene.forged(count));
        }
        yield 10 * MS;
      }
    },
  },
  {
    name: "handshakes-without-end",
    *script(scene) {
      for (let count = 0; scene.nowUs < 10 * SECOND; count++) {
        const peer = scene.peer(scene.own(count));
        yield* peer.greet();
        peer.clientFinish([{ frame: "close", isApplication: true, code: 0, reason: "" }]);
        yield MS;
      }
    },
  },
  {
    name: "stalled-uploads",
    *script(scene) {
      const peers = yield* allThatThereIs(scene);
      for (const peer of peers) {
        for (let streamId = 0; streamId < maxStreams; streamId++) {
          peer.say(streamId, putOf(`stalled-${peer.id}-${streamId}`, 2 ** 20));
        }
      }
      yield* keepAlive(scene, peers);
    },
  },
  {
    name: "uploads-of-a-byte-a-second",
    *script(scene) {
      const peers = yield* allThatThereIs(scene);
      const put = putOf("slow", 2 ** 20);
      for (const peer of peers) for (let streamId = 0; streamId < 4; streamId++) peer.say(streamId, put);
      yield* keepAlive(scene, peers, (peer, count) => {
        for (let streamId = 0; streamId < 4; streamId++) {
          peer.say(streamId, Uint8Array.of(count), { offset: put.length + count });
        }
      });
    },
  },
  {
    name: "slow-readers",
    *script(scene) {
      const peers = yield* allThatThereIs(scene, (peer) => {
        peer.parameters = { ...peer.parameters, initialMaxData: 1000 };
      });
      for (const peer of peers) for (let streamId = 0; streamId < maxStreams; streamId++) peer.say(streamId, GET_BAIT);
      yield* keepAlive(scene, peers, (peer, count) => peer.send({ frame: "maxData", value: 1000 + 100 * count }));
    },
  },
  {
    name: "list-storm",
    *script(scene) {
      const peers = yield* allThatThereIs(scene);
      const list = encodeMessage({ type: "list" });
      for (const peer of peers) {
        peer.isAcking = scene.random.chance(0.5);
        for (let streamId = 0; streamId < maxStreams; streamId++) peer.say(streamId, list, { fin: true });
        yield 10 * MS;
      }
      yield* keepAlive(scene, peers);
    },
  },
  {
    // A byte in each block of memory, on each stream of each connection, and never the first one.
    name: "holes-in-memory",
    *script(scene) {
      const peers = yield* allThatThereIs(scene);
      const step = 4096;
      for (let offset = step - 1; offset < orderedWindowBytes; offset += step) {
        for (const peer of peers) {
          for (let streamId = 0; streamId < maxStreams / 2; streamId++) {
            peer.say(streamId, new Uint8Array(1), { offset });
          }
        }
        yield 50 * MS;
      }
      yield* keepAlive(scene, peers);
    },
  },
];
