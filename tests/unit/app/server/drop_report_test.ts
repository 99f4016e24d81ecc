import assert from "node:assert/strict";
import { DropReport } from "../../../../app/server/drop_report.ts";
import type { DropReason } from "../../../../protocol/mod.ts";
import { FakeClock } from "../../../../testing/fake_clock.ts";

const SECOND_US = 1_000_000;
const MINUTE_US = 60 * SECOND_US;

class Scene {
  readonly clock = new FakeClock();
  readonly told: Partial<Record<DropReason, number>>[] = [];
  readonly report = new DropReport(this.clock, (counts) => this.told.push(Object.fromEntries(counts)));
}

Deno.test("DropReport tells of the first drops together, and soon", () => {
  const { clock, report, told } = new Scene();
  report.add("damaged");
  report.add("repeated");
  report.add("damaged");
  assert.deepEqual(told, []);
  clock.pass(SECOND_US);
  assert.deepEqual(told, [{ damaged: 2, repeated: 1 }]);
});

Deno.test("DropReport tells once a minute while drops go on, each of them once", () => {
  const { clock, report, told } = new Scene();
  for (let count = 0; count < 3000; count++) {
    report.add("damaged");
    clock.pass(SECOND_US / 10);
  }
  assert.equal(told.length, 5);
  report.flush();
  assert.equal(told.length, 6);
  assert.equal(told.reduce((sum, { damaged = 0 }) => sum + damaged, 0), 3000);
});

Deno.test("DropReport tells soon again after a quiet minute, and nothing while there is nothing", () => {
  const { clock, report, told } = new Scene();
  report.add("damaged");
  clock.pass(10 * MINUTE_US);
  assert.equal(told.length, 1);
  assert.equal(clock.armed, 0);
  report.add("malformed");
  clock.pass(SECOND_US);
  assert.deepEqual(told[1], { malformed: 1 });
});

Deno.test("DropReport leaves out what comes too late for its connection", () => {
  const { clock, report, told } = new Scene();
  report.add("late");
  assert.equal(clock.armed, 0);
  report.flush();
  assert.deepEqual(told, []);
});

Deno.test("DropReport.flush tells at once, and leaves no timer", () => {
  const { clock, report, told } = new Scene();
  report.add("repeated");
  report.flush();
  assert.deepEqual(told, [{ repeated: 1 }]);
  assert.equal(clock.armed, 0);
  report.flush();
  clock.pass(MINUTE_US);
  assert.equal(told.length, 1);
});
