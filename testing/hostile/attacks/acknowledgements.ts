/**
 * Acknowledgements of what was never sent, of what never came, too early, too late, and too many; and packet numbers
 * that make the server remember much.
 *
 * @module
 */

import { TransportErrorCode } from "../../../protocol/mod.ts";
import { FrameType } from "../../../protocol/wire/frame.ts";
import { MAX_PACKET_NUMBER } from "../../../protocol/wire/packet.ts";
import { encodeFrames } from "../../wire_values.ts";
import type { Attack } from "../fixture.ts";
import { GET_BAIT, MS, SECOND, streamFrame, varints } from "./bytes.ts";

const PING = encodeFrames([{ frame: "ping" }]);

/** See the module's description. */
export const ACKNOWLEDGEMENTS: readonly Attack[] = [
  {
    name: "ack-never-sent",
    closesWith: TransportErrorCode.protocolViolation,
    *script(scene) {
      const peer = yield* scene.connected();
      const end = peer.largestReceived + scene.random.pick([100, 10_000, 2 ** 32, MAX_PACKET_NUMBER - 100]);
      peer.acknowledge([[end - scene.random.integer(1, 50), end]]);
    },
  },
  {
    name: "ack-below-zero",
    closesWith: TransportErrorCode.frameEncodingError,
    *script(scene) {
      const peer = yield* scene.connected();
      const largest = scene.random.integer(0, 3);
      peer.payload(varints(FrameType.ack, largest, 0, 0, largest + scene.random.pick([1, 100, 2 ** 40])));
    },
  },
  {
    name: "ack-ranges-below-zero",
    closesWith: TransportErrorCode.frameEncodingError,
    *script(scene) {
      const peer = yield* scene.connected();
      const gap = scene.random.pick([0, 5, 2 ** 30, 2 ** 53 - 1]);
      peer.payload(varints(FrameType.ack, 3, 0, 2, 0, 0, 0, gap, scene.random.integer(3, 9)));
    },
  },
  {
    name: "ack-count-beyond-packet",
    closesWith: TransportErrorCode.frameEncodingError,
    *script(scene) {
      const peer = yield* scene.connected();
      peer.payload(varints(FrameType.ack, 0, 0, scene.random.pick([2, 1_000, 2 ** 53 - 1]), 0));
    },
  },
  {
    name: "ack-overlapping",
    *script(scene) {
      const peer = yield* scene.connected();
      peer.say(0, GET_BAIT, { fin: true });
      for (let count = scene.random.integer(10, 200); count > 0; count--) {
        const top = Math.max(0, peer.largestReceived);
        const from = scene.random.integer(0, top);
        peer.send(
          { frame: "ack", delayUs: 0, ranges: [[from, top + 1]] },
          { frame: "ack", delayUs: 2 ** 53 - 1, ranges: [[0, from + 1]] },
        );
        yield 20 * MS;
      }
    },
  },
  {
    // Whatever was sent and may arrive yet: the window grows as if nothing were ever lost.
    name: "ack-optimistic",
    *script(scene) {
      const peer = yield* scene.connected();
      peer.isAcking = false;
      for (let streamId = 0; streamId < 4; streamId++) peer.say(streamId, GET_BAIT, { fin: true });
      const ahead = scene.random.integer(1, 40);
      for (let count = 100; count > 0 && peer.closedWith === undefined; count--) {
        peer.acknowledge([[0, peer.largestReceived + ahead]]);
        yield 10 * MS;
      }
    },
  },
  {
    // Round trips that seem to take ever longer would keep the connection for hours.
    name: "ack-ever-later",
    *script(scene) {
      const peer = yield* scene.connected((peer) => {
        peer.parameters = { ...peer.parameters, maxAckDelayUs: 16_383_999 };
      });
      peer.isAcking = false;
      for (let waitUs = 4 * SECOND;; waitUs *= 1.7) {
        peer.say(0, GET_BAIT);
        yield waitUs;
        peer.acknowledge();
        peer.send({ frame: "ping" });
        yield 200 * MS;
      }
    },
  },
  {
    name: "ack-never",
    *script(scene) {
      const peer = yield* scene.connected();
      peer.isAcking = false;
      for (let streamId = 0; streamId < 10; streamId++) peer.say(streamId, GET_BAIT);
      for (let count = 100; count > 0; count--) {
        peer.send({ frame: "ping" });
        yield 200 * MS;
      }
    },
  },
  {
    name: "ack-flood",
    *script(scene) {
      const peer = yield* scene.connected();
      for (let count = scene.random.integer(1_000, 4_000); count > 0; count--) {
        peer.acknowledge([[0, 1]]);
        if (count % 50 === 0) yield MS;
      }
    },
  },
  {
    name: "ping-flood",
    *script(scene) {
      const peer = yield* scene.connected();
      peer.isAcking = scene.random.chance(0.5);
      for (let count = scene.random.integer(1_000, 6_000); count > 0; count--) {
        peer.send({ frame: "ping" });
        if (count % 100 === 0) yield MS;
      }
    },
  },
  {
    name: "packet-numbers-with-gaps",
    *script(scene) {
      const peer = yield* scene.connected();
      peer.isAcking = scene.random.chance(0.5);
      for (let count = scene.random.integer(1_000, 5_000); count > 0; count--) {
        peer.payload(PING, peer.nextNumber += scene.random.integer(2, 9));
        if (count % 50 === 0) yield MS;
      }
    },
  },
  {
    // Every second number late, and no word of having heard that they came.
    name: "packet-numbers-late",
    *script(scene) {
      const peer = yield* scene.connected();
      peer.isAcking = false;
      const batch = scene.random.integer(50, 400);
      for (let round = 0; round < 12; round++) {
        const first = peer.nextNumber;
        for (let at = 1; at < batch; at += 2) peer.payload(PING, first + at);
        yield 10 * MS;
        for (let at = 0; at < batch; at += 2) peer.payload(PING, first + at);
        yield 10 * MS;
        peer.nextNumber = first + batch;
      }
    },
  },
  {
    name: "packet-number-last-of-all",
    *script(scene) {
      const peer = yield* scene.connected();
      peer.payload(PING, MAX_PACKET_NUMBER);
      yield 50 * MS;
      peer.send({ frame: "ping" });
      peer.payload(PING, MAX_PACKET_NUMBER - 1);
      peer.payload(PING, MAX_PACKET_NUMBER);
      yield 50 * MS;
      peer.send(streamFrame(0, GET_BAIT, { fin: true }));
      yield SECOND;
    },
  },
];
