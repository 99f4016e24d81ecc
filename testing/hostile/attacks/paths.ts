/**
 * Addresses, challenges and datagrams: forged addresses that a server is made to flood, floods of challenges,
 * connection IDs that are guessed, datagrams of every size, frames of every sort, and closing without an end.
 *
 * @module
 */

import { MAX_DATAGRAM_BYTES, TransportErrorCode } from "../../../protocol/mod.ts";
import { encodeFrames, encodePacket } from "../../wire_values.ts";
import type { Attack } from "../fixture.ts";
import { anyFrames, garbage, mutated } from "../../fuzz/input.ts";
import { GET_BAIT, MS, SECOND, streamFrame, varints } from "./bytes.ts";

/** See the module's description. */
export const PATHS: readonly Attack[] = [
  {
    name: "challenge-flood",
    closesWith: TransportErrorCode.protocolViolation,
    *script(scene) {
      const peer = yield* scene.connected();
      peer.isAcking = scene.random.chance(0.5);
      peer.say(0, GET_BAIT);
      for (let count = scene.random.integer(500, 3_000); count > 0; count--) {
        peer.send({ frame: "pathChallenge", data: scene.random.bytes(8).toHex() });
        if (count % scene.random.integer(1, 20) === 0) yield MS;
      }
    },
  },
  {
    name: "responses-to-no-challenge",
    *script(scene) {
      const peer = yield* scene.connected();
      peer.isAnswering = false;
      for (let count = 300; count > 0; count--) {
        if (count % 30 === 0) peer.address = scene.forged(count);
        peer.send({ frame: "pathResponse", data: scene.random.bytes(8).toHex() });
        yield 5 * MS;
      }
    },
  },
  {
    // A file is asked for, and then it is somebody else who seems to ask.
    name: "move-to-a-victim",
    *script(scene) {
      const peer = yield* scene.connected();
      peer.say(0, GET_BAIT);
      yield scene.random.integer(0, 300) * MS;
      for (let count = scene.random.integer(1, 300); count > 0; count--) {
        peer.address = scene.random.chance(0.8) ? scene.forged(scene.random.integer(0, 3)) : scene.own(0);
        if (scene.random.chance(0.5)) peer.acknowledge();
        else peer.send({ frame: "ping" }, { frame: "padding", count: scene.random.pick([0, 20, 100, 1_100]) });
        yield scene.random.integer(1, 30) * MS;
      }
    },
  },
  {
    name: "move-to-a-victim-and-break-a-rule",
    *script(scene) {
      const peer = yield* scene.connected();
      // What is lost makes the server say its last words more often.
      peer.isAcking = scene.random.chance(0.5);
      if (!peer.isAcking) {
        peer.say(0, GET_BAIT);
        yield SECOND / 2;
        peer.acknowledge([[peer.largestReceived, peer.largestReceived + 1]]);
      }
      peer.address = scene.forged(0);
      peer.send({ frame: "ping" });
      yield scene.random.integer(0, 50) * MS;
      // The server's words for it are longer than the packet.
      peer.acknowledge([[60, 61]]);
      for (let count = scene.random.integer(0, 20); count > 0; count--) {
        yield 10 * MS;
        peer.send({ frame: "ping" });
      }
    },
  },
  {
    name: "move-around",
    *script(scene) {
      const peer = yield* scene.connected();
      peer.isAcking = scene.random.chance(0.5);
      peer.isAnswering = scene.random.chance(0.5);
      const size = scene.random.pick([0, 20, 100, 1_100]);
      peer.say(0, GET_BAIT);
      for (let count = 400; count > 0; count--) {
        peer.address = scene.own(count);
        peer.send({ frame: "ping" }, { frame: "padding", count: size });
        yield scene.random.integer(1, 20) * MS;
      }
    },
  },
  {
    name: "connection-ids-guessed",
    *script(scene) {
      const { serverId } = yield* scene.connected();
      for (let count = scene.random.integer(200, 1_000); count > 0; count--) {
        const to = scene.random.chance(0.5)
          ? scene.random.bytes(8).toHex()
          : `${serverId.slice(0, 12)}${scene.random.bytes(2).toHex()}`;
        const number = scene.random.integer(0, 1_000);
        const sealed = scene.random.bytes(scene.random.integer(0, 40)).toHex();
        scene.raw(encodePacket({ packet: "data", to, number, sealed }), scene.forged(count));
        if (count % 20 === 0) yield MS;
      }
    },
  },
  {
    name: "datagrams-of-any-size",
    *script(scene) {
      const peer = yield* scene.connected();
      for (let size = 0; size <= 40; size++) {
        scene.raw(scene.random.bytes(size));
        scene.raw(new Uint8Array(size).fill(0x40));
        scene.raw(new Uint8Array(size).fill(0xc3));
      }
      yield 10 * MS;
      const room = MAX_DATAGRAM_BYTES - 32;
      peer.payload(new Uint8Array(room));
      peer.payload(new Uint8Array(room).fill(0x01));
      peer.payload(encodeFrames([streamFrame(0, GET_BAIT), { frame: "padding", count: 60_000 }]));
      scene.raw(scene.random.bytes(MAX_DATAGRAM_BYTES));
      yield SECOND;
    },
  },
  {
    name: "garbage",
    *script(scene) {
      const peer = yield* scene.connected();
      for (let count = 500; count > 0; count--) {
        scene.raw(garbage(scene.random), scene.forged(count));
        peer.raw(mutated(scene.random, garbage(scene.random)));
        if (count % 10 === 0) yield MS;
      }
    },
  },
  {
    name: "frames-of-any-sort",
    *script(scene) {
      for (let count = 20; count > 0; count--) {
        const peer = scene.peer(scene.own(count));
        yield* peer.connect([streamFrame(0, GET_BAIT)]);
        for (let packets = 10; packets > 0; packets--) {
          const bytes = encodeFrames(anyFrames(scene.random));
          peer.payload(scene.random.chance(0.5) ? bytes : mutated(scene.random, bytes));
          yield scene.random.integer(0, 20) * MS;
        }
      }
    },
  },
  {
    name: "unknown-frame",
    closesWith: TransportErrorCode.frameEncodingError,
    *script(scene) {
      const peer = yield* scene.connected();
      peer.payload(varints(scene.random.pick([0x03, 0x07, 0x13, 0x1e, 0x21, 0x3f, 0x40])));
    },
  },
  {
    name: "frame-cut-short",
    closesWith: TransportErrorCode.frameEncodingError,
    *script(scene) {
      const peer = yield* scene.connected();
      const whole = encodeFrames([{ frame: "resetStream", streamId: 0, code: 2 ** 40, finalSize: 2 ** 40 }]);
      peer.payload(whole.subarray(0, scene.random.integer(1, whole.length - 1)));
    },
  },
  {
    name: "packet-without-frames",
    closesWith: TransportErrorCode.protocolViolation,
    *script(scene) {
      const peer = yield* scene.connected();
      peer.payload(new Uint8Array(0));
    },
  },
  {
    name: "talk-after-closing",
    *script(scene) {
      const peer = yield* scene.connected();
      peer.say(0, GET_BAIT, { fin: true });
      const isOwn = scene.random.chance(0.5);
      if (isOwn) peer.send({ frame: "close", isApplication: true, code: 1, reason: "\u001b[2J".repeat(20) });
      else peer.payload(varints(0x3f));
      for (let count = 500; count > 0; count--) {
        peer.send({ frame: "ping" }, streamFrame(1, GET_BAIT));
        if (count % 5 === 0) yield 10 * MS;
      }
    },
  },
];
