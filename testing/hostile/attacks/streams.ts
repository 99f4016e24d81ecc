/**
 * Streams that break their limits, their ends and each other: beyond credit, beyond the end, with two ends, in the
 * wrong state, too many, in crumbs.
 *
 * @module
 */

import { TransportErrorCode } from "../../../protocol/mod.ts";
import { MAX_ZEROS_AHEAD_BYTES } from "../../../protocol/limits.ts";
import { MAX_ZEROS_BYTES } from "../../../protocol/wire/frame.ts";
import type { FrameValue } from "../../wire_values.ts";
import { encodeMessage } from "../../../transfer/message_encoder.ts";
import { type Attack, FIXTURE_CONFIG } from "../fixture.ts";
import type { HostilePeer } from "../hostile_peer.ts";
import { GET_BAIT, MS, putOf, SECOND, streamFrame } from "./bytes.ts";

const { orderedWindowBytes, connectionWindowBytes, maxStreams } = FIXTURE_CONFIG;

/** An unfinished request, so that what follows stays in memory. */
const UNFINISHED = encodeMessage({ type: "get", name: "n".repeat(200) }).subarray(0, 100);

const BYTE = new Uint8Array(1);

/** See the module's description. */
export const STREAMS: readonly Attack[] = [
  {
    name: "beyond-stream-credit",
    closesWith: TransportErrorCode.flowControlError,
    *script(scene) {
      const peer = yield* scene.connected();
      const offset = scene.random.pick([orderedWindowBytes, orderedWindowBytes + 1, 2 ** 32, 2 ** 53 - 2]);
      peer.say(0, BYTE, { offset });
    },
  },
  {
    name: "beyond-connection-credit",
    closesWith: TransportErrorCode.flowControlError,
    *script(scene) {
      const peer = yield* scene.connected();
      for (let streamId = 0; streamId <= connectionWindowBytes / orderedWindowBytes; streamId++) {
        peer.say(streamId, BYTE, { offset: orderedWindowBytes - 1 });
      }
    },
  },
  {
    name: "reset-beyond-credit",
    closesWith: TransportErrorCode.flowControlError,
    *script(scene) {
      const peer = yield* scene.connected();
      const finalSize = scene.random.pick([orderedWindowBytes + 1, 2 ** 53 - 1]);
      peer.send({ frame: "resetStream", streamId: 0, code: 0, finalSize });
    },
  },
  {
    name: "data-beyond-end",
    closesWith: TransportErrorCode.finalSizeError,
    *script(scene) {
      const peer = yield* scene.connected();
      peer.say(0, UNFINISHED, { offset: 1, fin: true });
      yield scene.random.integer(0, 100) * MS;
      peer.say(0, BYTE, { offset: 101 + scene.random.integer(0, 1000) });
    },
  },
  {
    name: "end-before-data",
    closesWith: TransportErrorCode.finalSizeError,
    *script(scene) {
      const peer = yield* scene.connected();
      peer.say(0, UNFINISHED, { offset: 1 });
      peer.say(0, new Uint8Array(0), { offset: scene.random.integer(0, 100), fin: true });
    },
  },
  {
    name: "two-ends",
    closesWith: TransportErrorCode.finalSizeError,
    *script(scene) {
      const peer = yield* scene.connected();
      peer.say(0, UNFINISHED, { offset: 100, fin: true });
      yield scene.random.integer(0, 100) * MS;
      const finalSize = scene.random.pick([0, 199, 201]);
      if (scene.random.chance(0.5)) peer.send({ frame: "resetStream", streamId: 0, code: 0, finalSize });
      else peer.say(0, new Uint8Array(0), { offset: finalSize, fin: true });
    },
  },
  {
    name: "overlaps-that-differ",
    *script(scene) {
      const peer = yield* scene.connected();
      const request = putOf("mine", 20_000);
      peer.say(0, request);
      for (let count = 200; count > 0; count--) {
        const bytes = scene.random.bytes(scene.random.integer(1, 900));
        peer.say(0, bytes, { offset: scene.random.integer(0, request.length + 20_000 - bytes.length) });
        if (count % 10 === 0) yield 5 * MS;
      }
    },
  },
  {
    name: "frames-after-the-end",
    *script(scene) {
      const peer = yield* scene.connected();
      peer.say(0, GET_BAIT, { fin: true });
      peer.send({ frame: "resetStream", streamId: 1, code: 1, finalSize: 0 });
      yield SECOND;
      for (const frame of framesOn(scene.random.integer(0, 1), GET_BAIT)) {
        peer.send(frame);
        yield 30 * MS;
      }
    },
  },
  {
    name: "frames-on-streams-never-opened",
    *script(scene) {
      const peer = yield* scene.connected();
      const streamId = maxStreams - 1;
      peer.send({ frame: "maxStreamData", streamId, value: 2 ** 53 - 1 });
      peer.send({ frame: "stopSending", streamId: streamId - 1, code: 7 });
      peer.send({ frame: "resetStream", streamId: streamId - 2, code: 7, finalSize: orderedWindowBytes });
      yield SECOND;
      peer.say(streamId - 1, GET_BAIT, { fin: true });
      yield SECOND;
    },
  },
  {
    name: "more-streams-than-allowed",
    closesWith: TransportErrorCode.streamLimitError,
    *script(scene) {
      const peer = yield* scene.connected();
      const streamId = scene.random.pick([maxStreams, maxStreams + 1, 2 ** 40, 2 ** 53 - 1]);
      peer.send(scene.random.pick(framesOn(streamId, GET_BAIT)));
    },
  },
  {
    // As many as it may, each given up as soon as the server works on it.
    name: "streams-reset-at-once",
    *script(scene) {
      const peer = yield* scene.connected();
      for (let streamId = 0; streamId < 3_000 && peer.closedWith === undefined; streamId++) {
        peer.send(
          streamFrame(streamId, GET_BAIT),
          { frame: "stopSending", streamId, code: 1 },
          { frame: "resetStream", streamId, code: 1, finalSize: GET_BAIT.length },
        );
        if (streamId % (maxStreams / 8) === 0) yield 130 * MS;
      }
    },
  },
  {
    name: "thousands-of-streams",
    *script(scene) {
      const peer = yield* scene.connected();
      const stat = encodeMessage({ type: "stat", name: "bait" });
      for (let streamId = 0; streamId < 2_000 && peer.closedWith === undefined; streamId++) {
        peer.say(streamId, stat, { fin: true });
        if (streamId % (maxStreams / 8) === 0) yield 130 * MS;
      }
    },
  },
  {
    name: "every-other-stream",
    *script(scene) {
      const peer = yield* scene.connected();
      for (let streamId = 0; streamId < 2 * maxStreams && peer.closedWith === undefined; streamId += 2) {
        peer.send({ frame: "resetStream", streamId, code: 1, finalSize: 0 });
        peer.send({ frame: "stopSending", streamId, code: 1 });
        yield 150 * MS;
      }
    },
  },
  {
    name: "crumbs-in-memory",
    *script(scene) {
      const peer = yield* scene.connected();
      yield* crumble(peer, { from: 1, until: scene.random.integer(1, orderedWindowBytes) });
    },
  },
  {
    name: "crumbs-of-a-file",
    closesWith: TransportErrorCode.protocolViolation,
    *script(scene) {
      const peer = yield* scene.connected();
      const request = putOf("crumbs", 2 ** 18);
      peer.say(0, request);
      // The window is wide once the request has been read.
      yield SECOND;
      yield* crumble(peer, { from: request.length + 1, until: 140_000 });
    },
  },
  {
    // Each of them within its bounds, and together beyond what a connection may take.
    name: "crumbs-of-several-files",
    *script(scene) {
      const peer = yield* scene.connected();
      const request = putOf("crumbs", 2 ** 18);
      for (let streamId = 0; streamId < 3; streamId++) {
        peer.say(streamId, putOf(`crumbs${streamId}`, 2 ** 18));
        yield SECOND;
        yield* crumble(peer, { streamId, from: request.length + 2, until: 110_000 });
      }
    },
  },
  {
    name: "zeros-beyond-credit",
    closesWith: TransportErrorCode.flowControlError,
    *script(scene) {
      const peer = yield* scene.connected();
      const length = scene.random.pick([2, 1000, MAX_ZEROS_BYTES]);
      peer.send({ frame: "zeros", streamId: 0, offset: orderedWindowBytes - 1, length });
    },
  },
  {
    name: "a-packet-full-of-zeros",
    closesWith: TransportErrorCode.protocolViolation,
    *script(scene) {
      const peer = yield* scene.connected();
      peer.say(0, putOf("zeros", 2 ** 28));
      yield SECOND;
      peer.send(...Array.from({ length: 100 }, (_, index) => zerosFrame(index)));
    },
  },
  {
    // In small packets, as far ahead as they may be and the last first: nothing can be hashed before the first has come.
    name: "zeros-from-the-end",
    *script(scene) {
      const peer = yield* scene.connected();
      const count = 1_000;
      const streamBytes = count * MAX_ZEROS_BYTES;
      peer.say(0, putOf("zeros", streamBytes - putOf("zeros", streamBytes).length));
      yield SECOND;
      for (let index = count - 1; index >= 0 && peer.closedWith === undefined; index--) {
        peer.send(zerosFrame(index));
        if (index % 20 === 0) yield 2 * MS;
      }
      peer.say(0, encodeMessage({ type: "digest", sha256: new Uint8Array(32) }), { offset: streamBytes, fin: true });
    },
  },
  {
    name: "zeros-too-far-ahead",
    closesWith: TransportErrorCode.flowControlError,
    *script(scene) {
      const peer = yield* scene.connected();
      peer.say(0, putOf("zeros", 2 ** 28));
      yield SECOND;
      // The first ends where the limit would be if the request were not there; the second goes beyond it.
      peer.send(zerosFrame(MAX_ZEROS_AHEAD_BYTES / MAX_ZEROS_BYTES - 1));
      yield SECOND;
      peer.send(zerosFrame(MAX_ZEROS_AHEAD_BYTES / MAX_ZEROS_BYTES));
    },
  },
  {
    name: "zeros-over-data",
    *script(scene) {
      const peer = yield* scene.connected();
      const request = putOf("mine", 200_000);
      peer.say(0, request);
      for (let count = 200; count > 0; count--) {
        const end = request.length + 200_000;
        const offset = scene.random.integer(0, end - 1);
        const length = scene.random.integer(1, Math.min(MAX_ZEROS_BYTES, end - offset));
        if (scene.random.chance(0.5)) peer.send({ frame: "zeros", streamId: 0, offset, length });
        else peer.say(0, scene.random.bytes(Math.min(length, 900)), { offset });
        if (count % 10 === 0) yield 5 * MS;
      }
    },
  },
  {
    name: "all-windows-full",
    *script(scene) {
      const peer = yield* scene.connected();
      const part = new Uint8Array(1_000);
      for (let streamId = 0; streamId < connectionWindowBytes / orderedWindowBytes - 1; streamId++) {
        for (let offset = 1; offset < orderedWindowBytes - part.length; offset += part.length) {
          peer.say(streamId, part, { offset });
        }
        yield 10 * MS;
      }
    },
  },
];

/** Zeros in a place of its own of stream 0, behind a request. */
function zerosFrame(index: number): FrameValue {
  return { frame: "zeros", streamId: 0, offset: index * MAX_ZEROS_BYTES, length: MAX_ZEROS_BYTES };
}

/** Every kind of frame for one stream. */
function framesOn(streamId: number, bytes: Uint8Array): FrameValue[] {
  return [
    streamFrame(streamId, bytes, { fin: true }),
    { frame: "zeros", streamId, offset: 0, length: 1 },
    { frame: "resetStream", streamId, code: 9, finalSize: bytes.length },
    { frame: "stopSending", streamId, code: 9 },
    { frame: "maxStreamData", streamId, value: 1 },
  ];
}

/** Every other byte of a stream. */
function* crumble(
  peer: HostilePeer,
  { from, streamId = 0, until }: { from: number; streamId?: number; until: number },
) {
  const frames: FrameValue[] = [];
  for (let offset = from; offset < until && peer.closedWith === undefined; offset += 2) {
    frames.push(streamFrame(streamId, BYTE, { offset }));
    if (frames.length < 100) continue;
    peer.send(...frames.splice(0));
    yield 2 * MS;
  }
}
