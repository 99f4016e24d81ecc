import assert from "node:assert/strict";
import { Reader } from "../../../../base/bytes.ts";
import { FrameType, readFrames } from "../../../../protocol/wire/frame.ts";
import { FRAME_RULES, type FrameSource } from "../../../../protocol/wire/frame_rules.ts";
import { TransportErrorCode } from "../../../../protocol/errors.ts";
import { fromHex, Recorder } from "../../../../testing/wire_values.ts";
import { GOLDEN_FRAMES } from "../../../wire/golden.ts";

/** Frames that are forbidden, by source; every other is allowed. */
const FORBIDDEN: Readonly<Record<FrameSource, readonly number[]>> = {
  clientFinish: [
    FrameType.ack,
    FrameType.maxStreams,
    FrameType.pathChallenge,
    FrameType.pathResponse,
  ],
  clientData: [FrameType.maxStreams, FrameType.pathChallenge, FrameType.parameters],
  serverData: [FrameType.pathResponse, FrameType.parameters],
};

for (const [source, forbidden] of Object.entries(FORBIDDEN)) {
  Deno.test(`FRAME_RULES.${source} allows what its sender may send there, and nothing else`, () => {
    const rule = FRAME_RULES[source as FrameSource];
    for (const { hex, name } of GOLDEN_FRAMES.filter(({ value }) => value.length === 1)) {
      const bytes = fromHex(hex);
      const recorder = new Recorder();
      const error = readFrames(new Reader().reset(bytes), recorder, { rule });
      const isForbidden = forbidden.includes(bytes[0]!);
      assert.equal(error?.code, isForbidden ? TransportErrorCode.protocolViolation : undefined, name);
      if (isForbidden) assert.deepEqual(recorder.values, [], `${name} is not acted on`);
    }
  });
}
