import assert from "node:assert/strict";
import { SluiceError } from "../../../app/api.ts";
import type { FailureKind } from "../../../transfer/failure.ts";
import { ExitCode, exitCodeOf } from "../../../cli/exit_codes.ts";

Deno.test("exitCodeOf gives each kind of failure its documented number", () => {
  const documented: Record<FailureKind, number> = {
    "failed": 1,
    "usage": 2,
    "not-found": 3,
    "refused": 4,
    "unreachable": 5,
    "local-disk": 6,
    "interrupted": 130,
  };
  for (const [kind, code] of Object.entries(documented)) {
    assert.equal(exitCodeOf(new SluiceError(kind as FailureKind, "")), code, kind);
  }
});

Deno.test("exitCodeOf calls anything else thrown a failure", () => {
  assert.equal(exitCodeOf(new TypeError("bug")), ExitCode.failed);
  assert.equal(exitCodeOf("text"), ExitCode.failed);
});

Deno.test("ExitCode values differ from one another", () => {
  const codes = Object.values(ExitCode);
  assert.equal(new Set(codes).size, codes.length);
});
