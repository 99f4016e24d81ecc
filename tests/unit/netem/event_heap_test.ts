import assert from "node:assert/strict";
import fc from "fast-check";
import { InvariantError } from "../../../base/invariant.ts";
import { EventQueue, ScheduledEvent } from "../../../netem/event_heap.ts";

class Numbered extends ScheduledEvent {
  constructor(readonly id: number) {
    super();
  }
}

function drain(queue: EventQueue<Numbered>, untilUs: number): number[] {
  const ids: number[] = [];
  for (let event = queue.popUntil(untilUs); event !== undefined; event = queue.popUntil(untilUs)) ids.push(event.id);
  return ids;
}

Deno.test("EventQueue gives the earliest first, ties in the order of scheduling", () => {
  const queue = new EventQueue<Numbered>();
  [30, 10, 20, 10, 30, 10].forEach((timeUs, id) => queue.schedule(new Numbered(id), timeUs));
  assert.equal(queue.nextUs, 10);
  assert.deepEqual(drain(queue, 25), [1, 3, 5, 2]);
  assert.equal(queue.nextUs, 30);
  assert.deepEqual(drain(queue, Infinity), [0, 4]);
  assert.equal(queue.nextUs, Infinity);
  assert.equal(queue.popUntil(Infinity), undefined);
});

Deno.test("EventQueue.schedule moves an event that waits, behind the others of its new time", () => {
  const queue = new EventQueue<Numbered>();
  const events = [0, 1, 2].map((id) => new Numbered(id));
  events.forEach((event) => queue.schedule(event, 10));
  queue.schedule(events[0]!, 10);
  assert.equal(queue.size, 3);
  queue.schedule(events[2]!, 5);
  assert.deepEqual(drain(queue, 10), [2, 1, 0]);
});

Deno.test("EventQueue.cancel takes an event out, once", () => {
  const queue = new EventQueue<Numbered>();
  const event = new Numbered(1);
  queue.cancel(event);
  queue.schedule(event, 7);
  assert.equal(event.isScheduled, true);
  queue.cancel(event);
  queue.cancel(event);
  assert.equal(event.isScheduled, false);
  assert.equal(queue.size, 0);
  assert.equal(queue.popUntil(Infinity), undefined);
});

Deno.test("EventQueue.cancel keeps the order where the event that fills the gap belongs above it", () => {
  const queue = new EventQueue<Numbered>();
  const events = [1, 100, 2, 101, 102, 3, 4, 103, 104, 105, 106, 5, 6, 7, 8].map((timeUs) => {
    const event = new Numbered(timeUs);
    queue.schedule(event, timeUs);
    return event;
  });
  // 8, the last in the heap, takes the place of 101 below 100.
  queue.cancel(events[3]!);
  assert.deepEqual(drain(queue, Infinity), [1, 2, 3, 4, 5, 6, 7, 8, 100, 102, 103, 104, 105, 106]);
});

Deno.test("EventQueue refuses a time that is no integer, and an event that waits in another queue", () => {
  const queue = new EventQueue<Numbered>();
  for (const timeUs of [NaN, Infinity, 0.5, 2 ** 53]) {
    assert.throws(() => queue.schedule(new Numbered(0), timeUs), InvariantError);
  }
  const event = new Numbered(1);
  queue.schedule(event, 1);
  assert.throws(() => new EventQueue<Numbered>().schedule(event, 1), InvariantError);
  assert.throws(() => new EventQueue<Numbered>().cancel(event), InvariantError);
});

/** A step against the queue and against a sorted list. */
type Step = { kind: "schedule" | "cancel"; id: number; timeUs: number } | { kind: "pop"; untilUs: number };

Deno.test("EventQueue agrees with a list that is sorted anew each time", () => {
  const id = fc.nat(40);
  const timeUs = fc.oneof(fc.nat(30), fc.integer({ min: 2 ** 52, max: 2 ** 52 + 3 }));
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("schedule" as const), id, timeUs }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("cancel" as const), id, timeUs }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("pop" as const), untilUs: timeUs }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const queue = new EventQueue<Numbered>();
      const events = Array.from({ length: 41 }, (_, n) => new Numbered(n));
      let list: { id: number; timeUs: number }[] = [];
      for (const step of steps) {
        if (step.kind === "pop") {
          const first = list.find(({ timeUs }) => timeUs === Math.min(...list.map((other) => other.timeUs)));
          const expected = first !== undefined && first.timeUs <= step.untilUs ? first : undefined;
          assert.equal(queue.popUntil(step.untilUs)?.id, expected?.id);
          list = list.filter((entry) => entry !== expected);
        } else {
          list = list.filter((entry) => entry.id !== step.id);
          if (step.kind === "cancel") {
            queue.cancel(events[step.id]!);
          } else {
            queue.schedule(events[step.id]!, step.timeUs);
            list.push({ id: step.id, timeUs: step.timeUs });
          }
        }
        assert.equal(queue.size, list.length);
        assert.equal(queue.nextUs, Math.min(Infinity, ...list.map((entry) => entry.timeUs)));
      }
    }),
    { seed: 1, numRuns: 200 },
  );
});
