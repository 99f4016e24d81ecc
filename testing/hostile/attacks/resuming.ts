/**
 * Uploads and downloads that resume, abused: what was not told is called the same, hashes without end, bytes where there
 * are some, and accounts of what nobody can hold.
 *
 * @module
 */

import { encodeMessage, encodeMessages } from "../../../transfer/message_encoder.ts";
import { MAX_BLOCK_BYTES, MAX_BLOCKS, type Message, MIN_BLOCK_BYTES } from "../../../transfer/messages.ts";
import { type Attack, FIXTURE_CONFIG } from "../fixture.ts";
import { BAIT_TO_UPDATE } from "../fixture.ts";
import type { Scene } from "../hostile_peer.ts";
import { MS, SECOND } from "./bytes.ts";

const { maxStreams } = FIXTURE_CONFIG;
const { name, sizeBytes } = BAIT_TO_UPDATE;

/** An upload in place of a file that the server has, so that it tells the hashes of all of it. */
const PUT: Message = { type: "put", name, sizeBytes, modifiedUs: 1, overwrite: true, resumable: true };
const GET: Message = { type: "get", name, held: true };

function whole(length: number): Message {
  return { type: "same", ranges: [{ offset: 0, length }] };
}

/** Says messages on each stream, with a pause in which the server may tell what it holds. */
function saying(messagesOf: (scene: Scene) => readonly Message[]): Attack["script"] {
  return function* (scene) {
    const peer = yield* scene.connected();
    for (let streamId = 0; streamId < maxStreams; streamId++) {
      const [first, ...rest] = messagesOf(scene);
      const request = encodeMessage(first!);
      peer.say(streamId, request);
      yield scene.random.pick([0, 100, 1000]) * MS;
      const bytes = encodeMessages(rest);
      for (let at = 0; at < bytes.length; at += 1000) {
        peer.say(streamId, bytes.subarray(at, at + 1000), { offset: request.length + at });
      }
      yield 20 * MS;
    }
    yield SECOND;
  };
}

/** See the module's description. */
export const RESUMING: readonly Attack[] = [
  { name: "same-for-what-was-not-told", script: saying(() => [PUT, whole(sizeBytes)]) },
  { name: "same-twice", script: saying(() => [PUT, whole(MIN_BLOCK_BYTES), whole(MIN_BLOCK_BYTES)]) },
  {
    name: "same-for-parts-of-blocks",
    script: saying(({ random }) => [PUT, {
      type: "same",
      ranges: [{ offset: random.integer(0, 100), length: random.integer(1, sizeBytes - 100) }],
    }]),
  },
  {
    name: "all-the-same-with-a-false-digest",
    script: saying(({ random }) => [PUT, whole(sizeBytes), { type: "digest", sha256: random.bytes(32) }]),
  },
  {
    name: "data-over-same",
    script: saying(() => [PUT, whole(MIN_BLOCK_BYTES), { type: "data", ranges: [{ offset: 5, length: 10 }] }]),
  },
  {
    name: "have-twice",
    script: saying(({ random }) => {
      const have: Message = { type: "have", blockBytes: MIN_BLOCK_BYTES, heldBytes: random.pick([0, sizeBytes]) };
      return [GET, have, have];
    }),
  },
  {
    name: "have-more-than-there-can-be",
    script: saying(({ random }) => {
      const hashes: Message = { type: "hashes", hashes: random.bytes(32 * 30) };
      return [
        GET,
        { type: "have", blockBytes: MAX_BLOCK_BYTES, heldBytes: MAX_BLOCK_BYTES * MAX_BLOCKS },
        hashes,
        hashes,
      ];
    }),
  },
  {
    name: "hashes-without-end",
    *script(scene) {
      const peer = yield* scene.connected();
      const have: Message = { type: "have", blockBytes: MIN_BLOCK_BYTES, heldBytes: MIN_BLOCK_BYTES * MAX_BLOCKS };
      for (let streamId = 0; streamId < 4; streamId++) {
        const beginning = encodeMessages([GET, have]);
        peer.say(streamId, beginning);
        yield 100 * MS;
        for (let count = 0, offset = beginning.length; count < 40; count++) {
          const bytes = encodeMessage({ type: "hashes", hashes: scene.random.bytes(32 * 30) });
          peer.say(streamId, bytes, { offset });
          offset += bytes.length;
          yield 20 * MS;
        }
      }
    },
  },
  {
    // The server waits for what the client holds, and must not for long.
    name: "held-and-never-told",
    *script(scene) {
      const peer = yield* scene.connected();
      for (let streamId = 0; streamId < maxStreams; streamId++) peer.say(streamId, encodeMessage(GET));
      for (let count = scene.random.integer(0, 40); count > 0; count--) {
        peer.send({ frame: "ping" });
        yield SECOND / 2;
      }
    },
  },
  {
    // Its hashes cost the server a millisecond for each half megabyte, and the client one message.
    name: "hashes-asked-for-and-left",
    *script(scene) {
      const peer = yield* scene.connected();
      for (let round = 0; round < 100; round++) {
        for (let streamId = 0; streamId < maxStreams; streamId++) {
          peer.say(streamId + round * maxStreams, encodeMessage(PUT));
          peer.send({ frame: "resetStream", streamId: streamId + round * maxStreams, code: 1, finalSize: 100 });
        }
        yield 50 * MS;
      }
    },
  },
];
