/**
 * Requests that make no sense, or too much of it: malformed, for names that lead elsewhere, a byte at a time, begun and
 * never gone on with, asked for and never read.
 *
 * @module
 */

import type { Random } from "../../../base/random.ts";
import { type Message, MessageType } from "../../../transfer/messages.ts";
import { encodeMessage, encodeMessages } from "../../../transfer/message_encoder.ts";
import { MAX_FILE_BYTES } from "../../../transfer/file_store.ts";
import { type Attack, BAIT, DISK_BYTES, FIXTURE_CONFIG } from "../fixture.ts";
import { anyMessage, anyText, garbage, mutated } from "../../fuzz/input.ts";
import { GET_BAIT, MS, putOf, SECOND } from "./bytes.ts";

const { maxStreams } = FIXTURE_CONFIG;

/** Requests that may follow each other, of any kind, and at most 1100 bytes long, so that they fit a datagram. */
function shortRequests(random: Random, count: number): Uint8Array {
  const messages = Array.from({ length: count }, () =>
    random.pick<Message>([
      { type: "stat", name: "none" },
      { type: "stat", name: BAIT.name, digest: true },
      { type: "get", name: BAIT.name, inline: true },
      { type: "space" },
      { type: "make", name: "folder", kind: "folder", sizeBytes: 0 },
      { type: "put", name: "never", sizeBytes: 0, overwrite: true },
      { type: "digest", sha256: random.bytes(32) },
    ]));
  return encodeMessages(messages).slice(0, 1_100);
}

/** See the module's description. */
export const REQUESTS: readonly Attack[] = [
  {
    name: "request-of-garbage",
    *script(scene) {
      const peer = yield* scene.connected();
      for (let streamId = 0; streamId < maxStreams; streamId++) {
        peer.say(streamId, garbage(scene.random), { fin: scene.random.chance(0.5) });
        yield 20 * MS;
      }
    },
  },
  {
    name: "request-of-any-message",
    *script(scene) {
      const peer = yield* scene.connected();
      for (let streamId = 0; streamId < maxStreams; streamId++) {
        const bytes = encodeMessage(anyMessage(scene.random));
        peer.say(streamId, scene.random.chance(0.5) ? bytes : mutated(scene.random, bytes).subarray(0, 1_100), {
          fin: scene.random.chance(0.5),
        });
        yield 20 * MS;
      }
    },
  },
  {
    name: "request-too-long",
    *script(scene) {
      const peer = yield* scene.connected();
      // 65,537 bytes are announced, one more than there may be.
      peer.say(0, Uint8Array.from([MessageType.get, 0x80, 0x01, 0x00, 0x01]));
      yield 100 * MS;
      peer.say(1, Uint8Array.from([MessageType.get, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]));
      yield 100 * MS;
    },
  },
  {
    name: "names-that-lead-elsewhere",
    *script(scene) {
      const peer = yield* scene.connected();
      const names = [
        "../bait",
        "..",
        "/etc/passwd",
        "a\0b",
        "C:bait",
        "a\\..\\b",
        ".sluice-x",
        "NUL",
        "",
        "n".repeat(900),
      ];
      for (let streamId = 0; streamId < maxStreams; streamId++) {
        const name = scene.random.chance(0.7) ? scene.random.pick(names) : anyText(scene.random).toWellFormed();
        const type = scene.random.pick(["get", "stat"] as const);
        peer.say(streamId, scene.random.chance(0.5) ? putOf(name, 0) : encodeMessage({ type, name }), { fin: true });
        yield 20 * MS;
      }
    },
  },
  {
    name: "put-of-any-size",
    *script(scene) {
      const peer = yield* scene.connected();
      for (let streamId = 0; streamId < maxStreams; streamId++) {
        peer.say(
          streamId,
          putOf(`size-${streamId}`, scene.random.pick([0, 1, 2 ** 20, DISK_BYTES + 1, MAX_FILE_BYTES])),
        );
        peer.say(streamId, scene.random.bytes(500), { offset: 40, fin: scene.random.chance(0.3) });
        yield 20 * MS;
      }
    },
  },
  {
    // Files of unknown size, begun on every stream and never gone on with, or without an end, or out of order.
    name: "pipes-without-an-end",
    *script(scene) {
      const peer = yield* scene.connected();
      const ends: number[] = [];
      for (let streamId = 0; streamId < maxStreams; streamId++) {
        const bytes = pipeOf(`pipe-${streamId}`);
        peer.say(streamId, bytes);
        ends.push(bytes.length);
        yield 20 * MS;
      }
      for (let count = 0; count < 300; count++) {
        const streamId = scene.random.integer(0, maxStreams - 1);
        const offset = scene.random.pick([0, 500 * count, 2 ** 40]);
        const chunk = encodeMessage({ type: "chunk", offset, content: scene.random.bytes(500) });
        peer.say(streamId, chunk, { offset: ends[streamId]! });
        ends[streamId]! += chunk.length;
        yield 10 * MS;
      }
    },
  },
  {
    name: "put-with-a-false-digest",
    *script(scene) {
      const peer = yield* scene.connected();
      for (let streamId = 0; streamId < maxStreams; streamId++) {
        const digest = encodeMessage({ type: "digest", sha256: scene.random.bytes(32) });
        const bytes = [...putOf(`false-${streamId}`, 100), ...scene.random.bytes(100), ...digest];
        peer.say(streamId, Uint8Array.from(bytes), { fin: scene.random.chance(0.5) });
        yield 20 * MS;
      }
    },
  },
  {
    name: "more-messages-than-allowed",
    *script(scene) {
      const peer = yield* scene.connected();
      for (let streamId = 0; streamId < maxStreams; streamId++) {
        const many = Array.from({ length: 30 }, () => [...encodeMessage(anyMessage(scene.random)).subarray(0, 30)]);
        const first = scene.random.pick([GET_BAIT, putOf(`more-${streamId}`, 10), encodeMessage({ type: "list" })]);
        peer.say(streamId, Uint8Array.from([...first, ...many.flat()]), { fin: true });
        yield 20 * MS;
      }
    },
  },
  {
    name: "result-before-the-file",
    *script(scene) {
      const peer = yield* scene.connected();
      const sha256 = scene.random.bytes(32);
      const result = encodeMessage({ type: "result", status: 0, sha256, savedName: "\u001b[2J" });
      for (let streamId = 0; streamId < maxStreams; streamId++) {
        peer.say(streamId, Uint8Array.from([...GET_BAIT, ...result]), { fin: true });
        yield scene.random.integer(1, 200) * MS;
      }
    },
  },
  {
    name: "slow-request",
    *script(scene) {
      const peer = yield* scene.connected();
      const request = scene.random.pick([GET_BAIT, putOf("slow", 10_000)]);
      for (let offset = 0; offset < request.length; offset++) {
        for (let streamId = 0; streamId < maxStreams; streamId++) {
          peer.say(streamId, request.subarray(offset, offset + 1), { offset });
        }
        yield scene.random.integer(1, 4) * SECOND;
      }
    },
  },
  {
    name: "put-that-never-goes-on",
    *script(scene) {
      const peer = yield* scene.connected();
      for (let streamId = 0; streamId < maxStreams; streamId++) {
        peer.say(streamId, putOf(`stalled-${streamId}`, 2 ** 20));
      }
      for (let count = scene.random.integer(0, 40); count > 0; count--) {
        peer.send({ frame: "ping" });
        yield SECOND / 2;
      }
    },
  },
  {
    // Without credit the server has files open, and nothing to send of them.
    name: "get-without-credit",
    *script(scene) {
      const peer = yield* scene.connected((peer) => {
        const credit = scene.random.pick([0, 1, 1000]);
        peer.parameters = { ...peer.parameters, initialMaxData: credit, initialMaxStreamData: credit };
      });
      for (let streamId = 0; streamId < maxStreams; streamId++) peer.say(streamId, GET_BAIT);
      for (let count = scene.random.integer(0, 40); count > 0; count--) {
        peer.send({ frame: "ping" });
        yield SECOND / 2;
      }
    },
  },
  {
    name: "get-with-a-drop-of-credit",
    *script(scene) {
      const peer = yield* scene.connected((peer) => {
        peer.parameters = { ...peer.parameters, initialMaxData: 0, initialMaxStreamData: 2 ** 53 - 1 };
      });
      peer.say(0, GET_BAIT, { fin: true });
      for (let value = 1; value < 300; value++) {
        peer.send({ frame: "maxData", value });
        yield scene.random.integer(1, 60) * MS;
      }
    },
  },
  {
    name: "get-and-leave",
    *script(scene) {
      const peer = yield* scene.connected();
      for (let streamId = 0; streamId < maxStreams; streamId++) peer.say(streamId, GET_BAIT);
      peer.isAcking = false;
    },
  },
  {
    name: "stop-and-ask",
    *script(scene) {
      const peer = yield* scene.connected();
      for (let streamId = 0; streamId < maxStreams; streamId++) {
        peer.send({ frame: "stopSending", streamId, code: scene.random.integer(0, 9) });
        if (scene.random.chance(0.5)) yield 50 * MS;
        peer.say(streamId, scene.random.chance(0.5) ? GET_BAIT : putOf(`stopped-${streamId}`, 10), {
          fin: scene.random.chance(0.5),
        });
      }
      yield SECOND;
    },
  },
  {
    // Thousands of requests on each stream, without an answer being read or acknowledged.
    name: "pipeline-without-end",
    *script(scene) {
      const peer = yield* scene.connected((peer) => {
        const credit = scene.random.pick([0, 1000, 2 ** 40]);
        peer.parameters = { ...peer.parameters, initialMaxStreamData: credit };
      });
      peer.isAcking = scene.random.chance(0.5);
      const requests = shortRequests(scene.random, 40);
      for (let sent = 0; sent < 100; sent++) {
        for (let streamId = 0; streamId < 4; streamId++) {
          peer.say(streamId, requests, { offset: sent * requests.length });
        }
        yield 5 * MS;
      }
      yield SECOND;
    },
  },
  {
    // Changes of what the requests before and after them use, and of what no client may touch.
    name: "changes-between-requests",
    *script(scene) {
      const peer = yield* scene.connected();
      const names = ["../bait", "..", "", "/", ".sluice-x", BAIT.name, "a", "a/b", "a/b/../c"];
      for (let streamId = 0; streamId < maxStreams; streamId++) {
        const messages = Array.from({ length: 20 }, (): Message => {
          const [name, newName] = [scene.random.pick(names), scene.random.pick(names)];
          return scene.random.pick<Message>([
            { type: "remove", name: name === BAIT.name ? "a" : name, recursive: true },
            { type: "move", name: name === BAIT.name ? "a" : name, newName, overwrite: scene.random.chance(0.5) },
            { type: "make", name, kind: "link", sizeBytes: 0, target: newName, overwrite: true },
            { type: "make", name, kind: "folder", sizeBytes: 0 },
            { type: "get", name, inline: true },
            { type: "stat", name, digest: true },
          ]);
        });
        peer.say(streamId, encodeMessages(messages).subarray(0, 1_100), { fin: scene.random.chance(0.5) });
        yield scene.random.integer(0, 20) * MS;
      }
      yield SECOND;
    },
  },
  {
    name: "list-flood",
    *script(scene) {
      const peer = yield* scene.connected();
      peer.isAcking = scene.random.chance(0.5);
      for (let streamId = 0; streamId < maxStreams; streamId++) {
        peer.say(streamId, encodeMessage({ type: "list" }), { fin: true });
      }
      yield 5 * SECOND;
    },
  },
];

function pipeOf(name: string): Uint8Array {
  return encodeMessage({ type: "put", name, sizeBytes: 0, unsized: true, overwrite: false });
}
