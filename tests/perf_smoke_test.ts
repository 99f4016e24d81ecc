/**
 * The measurements themselves, in tiny: so that they run when they are wanted.
 *
 * @module
 */

import assert from "node:assert/strict";
import path from "node:path";
import type { PerfReport } from "../perf/main.ts";
import { SIMULATED, SMOKE_BYTES, WALL } from "../perf/scenarios.ts";

const ROOT = path.join(import.meta.dirname!, "..");

Deno.test("perf measures every scenario, and says what it measured", async () => {
  const args = ["task", "--quiet", "perf", "--smoke", "--json"];
  const command = new Deno.Command(Deno.execPath(), { args, cwd: ROOT, stdin: "null", stderr: "piped" });
  const { code, stdout, stderr } = await command.output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const report = JSON.parse(new TextDecoder().decode(stdout)) as PerfReport;

  assert.deepEqual(report.simulated.map(({ name }) => name), SIMULATED.map(({ name }) => name));
  for (const result of report.simulated) {
    assert.equal(result.sizeBytes, SMOKE_BYTES);
    assert(result.shareOfPossible > 0 && result.shareOfPossible <= 1, `${result.name}: ${result.shareOfPossible}`);
    assert(result.retransmittedShare >= 0, result.name);
    // No loss was spurious that was not declared: MTU probes are counted in neither.
    assert(result.spuriousShare >= 0 && result.spuriousShare <= 1, `${result.name}: ${result.spuriousShare}`);
  }
  assert.deepEqual(report.wall.map(({ name }) => name), WALL.map(({ name }) => name));
  for (const result of report.wall) {
    assert.equal(result.sizeBytes, SMOKE_BYTES);
    assert(result.seconds > 0 && result.megabytesPerSecond > 0, result.name);
    for (const { cpuSeconds, peakMemoryBytes } of [result.client, result.server]) {
      assert(cpuSeconds >= 0 && peakMemoryBytes > 1_000_000, result.name);
    }
  }
});
