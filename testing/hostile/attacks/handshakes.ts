/**
 * Handshakes: floods of them, with and without an end, forged and replayed ones, and what may not come before or with
 * them.
 *
 * @module
 */

import { TransportErrorCode } from "../../../protocol/mod.ts";
import { MAX_TOKEN_BYTES, VERSION } from "../../../protocol/wire/packet.ts";
import { encodeFrames, encodePacket, type FrameValue } from "../../wire_values.ts";
import { type Attack, FIXTURE_CONNECTIONS } from "../fixture.ts";
import { anyPacket, mutated } from "../../fuzz/input.ts";
import { GET_BAIT, MS, SECOND, streamFrame, varints } from "./bytes.ts";

/** See the module's description. */
export const HANDSHAKES: readonly Attack[] = [
  {
    name: "hello-flood",
    *script(scene) {
      for (let count = scene.random.integer(500, 3_000); count > 0; count--) {
        const from = scene.random.integer(1, 2 ** 53 - 1);
        const address = scene.random.chance(0.5) ? scene.own(count) : scene.forged(count);
        const handshake = scene.random.bytes(scene.random.chance(0.9) ? 32 : scene.random.integer(0, 64)).toHex();
        const sizeBytes = scene.random.integer(1200, 1500);
        scene.raw(encodePacket({ packet: "hello", from, handshake, cookie: "", sizeBytes }), address);
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
      peer.clientFinishOf(encodeFrames([{ frame: "ping" }, streamFrame(0, GET_BAIT)]));
      yield SECOND;
    },
  },
  {
    name: "malformed-parameters",
    closesWith: TransportErrorCode.transportParameterError,
    *script(scene) {
      const peer = scene.peer();
      yield* peer.greet();
      // A count too many, a parameter twice, an idle timeout of 0, a datagram too small, and none at all.
      const bad = [[65], [2, 1, 5, 1, 5], [1, 1, 0], [1, 2, 1199], [0]];
      peer.clientFinishOf(varints(0x20, ...scene.random.pick(bad)));
      yield SECOND;
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
          receiveBurstBytes: scene.random.pick([65_536, most]),
        };
      });
      for (let streamId = 0; streamId < 4; streamId++) peer.say(streamId, GET_BAIT, { fin: true });
      peer.send({ frame: "maxData", value: most });
      yield SECOND;
    },
  },
  {
    name: "parameters-changed",
    closesWith: TransportErrorCode.transportParameterError,
    *script(scene) {
      const peer = yield* scene.connected();
      peer.parameters = { ...peer.parameters, maxIdleTimeoutMs: scene.random.pick([1, 5, 2 ** 53 - 1]) };
      peer.clientFinish([{ frame: "ping" }]);
      yield SECOND;
    },
  },
  {
    name: "parameters-in-data",
    closesWith: TransportErrorCode.protocolViolation,
    *script(scene) {
      const peer = yield* scene.connected();
      peer.send({ frame: "parameters", parameters: peer.parameters });
      yield SECOND;
    },
  },
  {
    name: "forged-tokens",
    *script(scene) {
      for (let count = 300; count > 0; count--) {
        const to = scene.random.bytes(8).toHex();
        const token = scene.random.bytes(scene.random.pick([0, 24, 25, 26, MAX_TOKEN_BYTES])).toHex();
        const [handshake, sealed] = [scene.random.bytes(64).toHex(), scene.random.bytes(40).toHex()];
        const packet = { packet: "clientFinish", to, from: count, token, handshake, number: 0, sealed } as const;
        scene.raw(encodePacket(packet), scene.forged(count));
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
        const { parameters } = peer;
        const packet = peer.sealedClientFinish(
          encodeFrames([{ frame: "parameters", parameters }, streamFrame(0, GET_BAIT)]),
        );
        if (packet !== undefined) scene.raw(packet, scene.forged(index));
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
      const { parameters } = peer;
      const replay = peer.sealedClientFinish(
        encodeFrames([{ frame: "parameters", parameters }, streamFrame(0, GET_BAIT)]),
      );
      // It may have been one too many.
      if (replay === undefined) return;
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
    name: "packets-and-frames-of-a-server",
    closesWith: TransportErrorCode.protocolViolation,
    *script(scene) {
      const peer = yield* scene.connected();
      const { serverId: to, id: from, token } = peer;
      if (to === "") return;
      const handshake = scene.random.bytes(128).toHex();
      for (let count = 0; count < 50; count++) {
        const tag = scene.random.bytes(16).toHex();
        scene.raw(scene.random.pick([
          encodePacket({ packet: "serverHello", to, from, token, handshake, tag }),
          encodePacket({ packet: "reset", to, token: tag }),
          encodePacket({ packet: "refusal", to, mac: tag, code: scene.random.integer(0, 255), reason: "no" }),
          encodePacket({ packet: "cookie", to, cookie: tag }),
          encodePacket({ packet: "versionNegotiation", to, from: to, versions: [VERSION, 1] }),
          encodePacket(anyPacket(scene.random)),
        ]));
        yield 10 * MS;
      }
      const data = "00".repeat(8);
      peer.send(
        scene.random.pick<FrameValue>([{ frame: "maxStreams", value: 2 ** 53 - 1 }, { frame: "pathChallenge", data }]),
      );
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
        scene.raw(bytes, scene.forged(count));
        if (count % 10 === 0) yield MS;
      }
    },
  },
];
