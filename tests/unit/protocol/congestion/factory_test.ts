import assert from "node:assert/strict";
import type { SendPolicy } from "../../../../protocol/config.ts";
import { createController } from "../../../../protocol/congestion/factory.ts";

const OPTIONS = { maxDatagramBytes: 1_200, initialRttUs: 50_000, seed: 1 };
const POLICIES: readonly SendPolicy[] = [
  { kind: "bbr" },
  { kind: "cubic" },
  { kind: "fixed", rateBytesPerSecond: 1_000_000 },
];

Deno.test("createController creates the controller of each policy", () => {
  for (const policy of POLICIES) assert.equal(createController(policy, OPTIONS).name, policy.kind);
});

Deno.test("createController bounds every window", () => {
  for (const policy of POLICIES) {
    assert.equal(createController(policy, { ...OPTIONS, maxWindowBytes: 6_000 }).windowBytes, 6_000);
    assert.equal(createController(policy, { ...OPTIONS, maxWindowBytes: 100 }).windowBytes, 2_400);
  }
});
