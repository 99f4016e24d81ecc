/**
 * Uploads and downloads that resume, abused: what was not told is called the same, hashes without end, bytes where there
 * are some, accounts of what nobody can hold, and all of it begun again and again and left.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { encodeMessage, encodeMessages } from "../../../transfer/message_encoder.ts";
import { MAX_BLOCK_BYTES, MAX_BLOCKS, type Message, MIN_BLOCK_BYTES } from "../../../transfer/messages.ts";
import { WORTH_KEEPING_BYTES } from "../../../store/temporary_file.ts";
import { RESUMABLE_BYTES } from "../../../transfer/content_sender.ts";
import { wholeContent } from "../../../transfer/file_sender.ts";
import { ApplicationErrorCode } from "../../../transfer/application_error.ts";
import { MAX_ZEROS_BYTES } from "../../../protocol/wire/frame.ts";
import { type Attack, BAIT_TO_UPDATE, FIXTURE_CONFIG, FIXTURE_LIMITS } from "../fixture.ts";
import type { HostilePeer, Scene, Script } from "../hostile_peer.ts";
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

/** A file of the attacker's own beside the server's, as small as a file may be of which a part is kept. */
const OWN = { name: "own", sizeBytes: RESUMABLE_BYTES } as const;

/** Different times that the attacker gives each of both: for each a part may be kept. */
export const VERSIONS = 3;

/** Of its credit a client keeps this for further requests, and the digests of those that it has begun. */
const CREDIT_KEPT_BYTES = 50_000;

/** How an upload ends: with a digest, with a reset by this code, or not at all. */
const ENDS = [
  "right",
  "wrong",
  ApplicationErrorCode.noError,
  ApplicationErrorCode.cancelled,
  ApplicationErrorCode.fileChanged,
  undefined,
] as const;

/**
 * Begins requests on ever new streams of some connections, as many as the server gives credit for, and leaves them after
 * a while. `begin` returns how.
 */
function* againAndAgain(scene: Scene, begin: (peer: HostilePeer, streamId: number) => () => void): Script {
  const peers: HostilePeer[] = [];
  for (let count = 0; count < FIXTURE_LIMITS.maxConnectionsPerAddress; count++) peers.push(yield* scene.connected());
  const begun = peers.map(() => 0);
  while (scene.nowUs < 8 * SECOND) {
    const leaving: (() => void)[] = [];
    for (const [index, peer] of peers.entries()) {
      const end = Math.max(maxStreams, peer.maxStreams);
      while (begun[index]! < end) leaving.push(begin(peer, begun[index]!++));
    }
    yield scene.random.pick([0, 10, 100, 300]) * MS;
    for (const leave of leaving) leave();
    yield 20 * MS;
  }
}

/**
 * Begins uploads of zeros and a random byte, over the server's file or over what earlier ones have left of another. They
 * keep to flow control, so that the connections last.
 */
function puttingOver({ random }: Scene): (peer: HostilePeer, streamId: number) => () => void {
  const sentBytes = new Map<HostilePeer, number>();
  return (peer, streamId) => {
    let offset = 0;
    const onSent = (count: number): void => {
      offset += count;
      sentBytes.set(peer, (sentBytes.get(peer) ?? 0) + count);
    };
    const say = (bytes: Uint8Array, fin = false): void => {
      peer.say(streamId, bytes, { offset, fin });
      onSent(bytes.length);
    };
    const file = random.pick([OWN, BAIT_TO_UPDATE]);
    const modifiedUs = random.integer(1, VERSIONS);
    const put: Message = { type: "put", ...file, modifiedUs, overwrite: true, resumable: random.chance(0.5) };
    say(encodeMessages([put, ...random.chance(0.2) ? [whole(MIN_BLOCK_BYTES)] : wholeContent(put)]));
    const end = random.pick(ENDS);
    return () => {
      // All of the content before a digest, and otherwise just so much that the server keeps it.
      const content = new Uint8Array(typeof end === "string" ? file.sizeBytes : WORTH_KEEPING_BYTES);
      content[content.length - 1] = random.integer(1, 255);
      const inAll = sentBytes.get(peer)! + content.length + CREDIT_KEPT_BYTES;
      // There is none where the server has refused the upload, or has given the credit to others.
      const hasCredit = (peer.maxStreamData.get(streamId) ?? 0) > offset + content.length && peer.maxData > inAll;
      if (hasCredit) {
        for (let left = content.length - 1; left > 0; left -= MAX_ZEROS_BYTES) {
          const length = Math.min(left, MAX_ZEROS_BYTES);
          peer.send({ frame: "zeros", streamId, offset, length });
          onSent(length);
        }
        say(content.subarray(-1));
      }
      if (end === undefined) return;
      if (typeof end === "number" || !hasCredit) {
        const code = typeof end === "number" ? end : ApplicationErrorCode.cancelled;
        return peer.send({ frame: "resetStream", streamId, code, finalSize: offset });
      }
      const sha256 = end === "right" ? new Uint8Array(createHash("sha256").update(content).digest()) : random.bytes(32);
      say(encodeMessage({ type: "digest", sha256 }), true);
    };
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
  {
    // A part of each stays on the server's disk for the next, which tells of other content.
    name: "held-files-put-over",
    *script(scene) {
      yield* againAndAgain(scene, puttingOver(scene));
    },
  },
  {
    // As a client does that finds that it holds a part: the server has opened the file for nothing, and logs nothing.
    name: "gets-given-up",
    *script(scene) {
      yield* againAndAgain(scene, (peer, streamId) => {
        const get = encodeMessage(scene.random.chance(0.8) ? { type: "get", name } : GET);
        peer.say(streamId, get);
        return () => {
          const code = ApplicationErrorCode.noError;
          peer.send({ frame: "resetStream", streamId, code, finalSize: get.length });
          peer.send({ frame: "stopSending", streamId, code });
        };
      });
    },
  },
];
