import assert from "node:assert/strict";
import { createController } from "../../../../protocol/congestion/factory.ts";
import { CallerError } from "../../../../protocol/errors.ts";

const OPTIONS = { maxDatagramBytes: 1_200, initialRttUs: 50_000, seed: 1, rateBytesPerSecond: 1_000_000 };

Deno.test("createController makes each controller by its name", () => {
  for (const name of ["bbr", "cubic", "fixed"] as const) {
    assert.equal(createController(name, OPTIONS).name, name);
  }
});

Deno.test("createController bounds every window", () => {
  for (const name of ["bbr", "cubic", "fixed"] as const) {
    assert.equal(createController(name, { ...OPTIONS, maxWindowBytes: 6_000 }).windowBytes, 6_000);
    assert.equal(createController(name, { ...OPTIONS, maxWindowBytes: 100 }).windowBytes, 2_400);
  }
});

Deno.test("createController refuses a fixed rate without a rate", () => {
  assert.throws(() => createController("fixed", { maxDatagramBytes: 1_200, initialRttUs: 0, seed: 1 }), CallerError);
});
