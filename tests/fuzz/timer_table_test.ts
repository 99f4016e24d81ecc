/** TimerTable against a Map. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { Timer, TimerTable } from "../../protocol/connection/timer_table.ts";
import { checkModel, type Machine, type Seen, step, type StepOf } from "../../testing/model_check.ts";

const timer = fc.constantFrom(...Object.values(Timer));
const timeUs = fc.oneof(fc.nat(20), fc.constantFrom(Infinity, Number.MAX_SAFE_INTEGER));

const STEP = fc.oneof(
  step(8, "set", { timer, timeUs }),
  step(2, "stop", { timer }),
  step(1, "stopAll"),
  step(6, "expire", { timer, timeUs: fc.nat(20) }),
);

class TimerMachine implements Machine<StepOf<typeof STEP>> {
  readonly #table = new TimerTable();
  readonly #model = new Map<Timer, number>();
  readonly #seen: Seen;

  constructor(seen: Seen) {
    this.#seen = seen;
  }

  take(step: StepOf<typeof STEP>): void {
    switch (step.kind) {
      case "set":
        this.#table.set(step.timer, step.timeUs);
        this.#model.set(step.timer, step.timeUs);
        break;
      case "stop":
        this.#table.stop(step.timer);
        this.#model.delete(step.timer);
        break;
      case "stopAll":
        this.#table.stopAll();
        this.#model.clear();
        break;
      case "expire": {
        const isDue = (this.#model.get(step.timer) ?? Infinity) <= step.timeUs;
        assert.equal(this.#table.expire(step.timer, step.timeUs), isDue);
        if (isDue) this.#model.delete(step.timer);
        this.#seen(isDue ? "due" : "not due");
        break;
      }
    }
    for (const timer of Object.values(Timer)) {
      assert.equal(this.#table.get(timer), this.#model.get(timer) ?? Infinity);
    }
    assert.equal(this.#table.nextUs(), Math.min(Infinity, ...this.#model.values()));
  }
}

Deno.test("TimerTable equals a map of deadlines", () => {
  checkModel({
    start: fc.constant(undefined),
    step: STEP,
    make: (_, seen) => new TimerMachine(seen),
    runs: 200,
    maxSteps: 60,
    reaches: { "due": 100, "not due": 100 },
  });
});
