/**
 * Handshakes: floods of them, with and without an end, forged and replayed ones, and what may not come before or with
 * them.
 *
 * @module
 */

import { TransportErrorCode } from "../../../protocol/mod.ts";
import { MAX_TOKEN_BYTES, Version } from "../../../protocol/wire/packet.ts";
import { encodePacket } from "../../wire_values.ts";
import { toHex } from "../../../transfer/hex.ts";
import { type Attack, FIXTURE_CONNECTIONS } from "../fixture.ts";
import { anyPacket, mutated, resealed } from "../../fuzz/input.ts";
import { GET_BAIT, MS, SECOND, streamFrame, varints } from "./bytes.ts";

/** See the module's description. */
export const HANDSHAKES: readonly Attack[] = [
  {
    name: "hello-flood",
    *script(scene) {
      for (let count = scene.random.integer(500, 3_000); count > 0; count--) {
        const from = scene.random.integer(1, 2 ** 53 - 1);
        const address = scene.random.chance(0.5) ? scene.own(count) : scene.forged(count);
        scene.raw(encodePacket({ packet: "hello", from, sizeBytes: scene.random.integer(1200, 1500) }), address);
        if (count % 20 === 0) yield MS;
      }
    },
  },
  {
    name: "connection-flood",
    *script(scene) {
      for (let count = 2 * FIXTURE_CONNECTIONS; count > 0; count--) {
        const peer = scene.peer(scene.own(count));
        yield* peer.greet();
        peer.clientFinish([streamFrame(0, GET_BAIT)]);
        yield 5 * MS;
      }
    },
  },
  {
    name: "connection-churn",
    *script(scene) {
      for (let count = scene.random.integer(20, 100); count > 0; count--) {
        const peer = scene.peer(scene.own(count));
        yield* peer.greet();
        peer.clientFinish([streamFrame(0, GET_BAIT), { frame: "close", isApplication: true, code: 0, reason: "" }]);
      }
    },
  },
  {
    name: "finish-without-parameters",
    closesWith: TransportErrorCode.transportParameterError,
    *script(scene) {
      const peer = scene.peer();
      yield* peer.greet();
      peer.initialOf([{ frame: "ping" }, streamFrame(0, GET_BAIT)]);
      yield SECOND;
    },
  },
  {
    name: "malformed-parameters",
    closesWith: TransportErrorCode.transportParameterError,
    *script(scene) {
      const peer = yield* scene.connected();
      // A count too many, a parameter twice, an idle timeout of 0, a datagram too small, and none at all.
      const bad = [[65], [2, 1, 5, 1, 5], [1, 1, 0], [1, 2, 1199], [0]];
      peer.payload(varints(0x20, ...scene.random.pick(bad)));
    },
  },
  {
    name: "extreme-parameters",
    *script(scene) {
      const most = 2 ** 53 - 1;
      const peer = yield* scene.connected((peer) => {
        peer.parameters = {
          maxIdleTimeoutMs: scene.random.pick([1, most]),
          maxDatagramBytes: scene.random.pick([1200, most]),
          initialMaxData: scene.random.pick([0, most]),
          initialMaxStreamData: scene.random.pick([0, most]),
          initialMaxStreams: most,
          maxAckDelayUs: scene.random.pick([0, 16_383_999]),
        };
      });
      for (let streamId = 0; streamId < 4; streamId++) peer.say(streamId, GET_BAIT, { fin: true });
      yield SECOND;
      const other = { ...peer.parameters, maxIdleTimeoutMs: 1, maxDatagramBytes: 1200, maxAckDelayUs: 0 };
      peer.send({ frame: "parameters", parameters: other }, { frame: "maxData", value: most });
      yield SECOND;
    },
  },
  {
    name: "forged-tokens",
    *script(scene) {
      for (let count = 300; count > 0; count--) {
        const to = toHex(scene.random.bytes(8));
        const token = toHex(scene.random.bytes(scene.random.pick([0, 24, 25, 26, MAX_TOKEN_BYTES])));
        const frames = [streamFrame(0, GET_BAIT)];
        scene.raw(
          encodePacket({ packet: "client-finish", to, from: count, token, number: 0, frames }),
          scene.forged(count),
        );
        if (count % 10 === 0) yield MS;
      }
    },
  },
  {
    name: "token-of-another-address",
    *script(scene) {
      const peer = scene.peer();
      yield* peer.greet();
      for (let index = 0; index < 10; index++) {
        const { serverId: to, id: from, token } = peer;
        const frames = [streamFrame(0, GET_BAIT)];
        scene.raw(
          encodePacket({ packet: "client-finish", to, from, token, number: index, frames }),
          scene.forged(index),
        );
        yield 10 * MS;
      }
    },
  },
  {
    name: "token-too-old",
    *script(scene) {
      const peer = scene.peer();
      yield* peer.greet();
      yield 11 * SECOND;
      peer.clientFinish([streamFrame(0, GET_BAIT)]);
      yield SECOND;
    },
  },
  {
    name: "own-handshake-replayed",
    *script(scene) {
      const peer = yield* scene.connected();
      const { serverId: to, id: from, token, parameters } = peer;
      // It may have been one too many.
      if (to === "") return;
      const frames = [{ frame: "parameters", parameters } as const, streamFrame(0, GET_BAIT)];
      const replay = encodePacket({ packet: "client-finish", to, from, token, number: 0, frames });
      peer.send({ frame: "close", isApplication: true, code: 0, reason: "" });
      for (let count = 0; count < 100; count++) {
        scene.raw(replay, scene.random.chance(0.5) ? peer.address : scene.forged(count));
        yield 150 * MS;
      }
    },
  },
  {
    name: "honest-datagrams-replayed",
    *script(scene) {
      for (let count = scene.random.integer(50, 500); count > 0; count--) {
        if (scene.overheard.length > 0) {
          const bytes = scene.random.pick(scene.overheard);
          const isChanged = scene.random.chance(0.2);
          scene.raw(isChanged ? mutated(scene.random, bytes) : bytes, scene.forged(count));
        }
        yield scene.random.integer(50, 120) * MS;
      }
    },
  },
  {
    name: "data-before-the-handshake",
    *script(scene) {
      const peer = scene.peer();
      yield* peer.greet();
      for (let streamId = 0; streamId < 20; streamId++) {
        peer.say(streamId, GET_BAIT, { fin: true });
        yield 10 * MS;
      }
    },
  },
  {
    name: "packets-of-a-server",
    *script(scene) {
      const peer = yield* scene.connected();
      const { serverId: to, id: from, token, parameters } = peer;
      for (let number = 0; number < 50; number++) {
        const versions = [Version.plaintext, 1];
        scene.raw(scene.random.pick([
          encodePacket({ packet: "server-hello", to, from, token, parameters }),
          encodePacket({ packet: "reset", to, number }),
          encodePacket({ packet: "versionNegotiation", to, from: to, versions }),
          encodePacket(anyPacket(scene.random)),
        ]));
        yield 10 * MS;
      }
      peer.send({ frame: "maxStreams", value: 2 ** 53 - 1 }, { frame: "pathResponse", data: "00".repeat(8) });
      yield SECOND;
    },
  },
  {
    name: "unknown-versions",
    *script(scene) {
      for (let count = 200; count > 0; count--) {
        const bytes = new Uint8Array(scene.random.pick([21, 100, 1199, 1200, 1500]));
        bytes.set(scene.random.bytes(21));
        bytes[0] = scene.random.integer(0x80, 0xff);
        scene.raw(scene.random.chance(0.5) ? resealed(bytes) : bytes, scene.forged(count));
        if (count % 10 === 0) yield MS;
      }
    },
  },
];
