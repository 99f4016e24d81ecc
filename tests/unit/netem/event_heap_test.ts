import assert from "node:assert/strict";
import fc from "fast-check";
import { InvariantError } from "../../../base/invariant.ts";
import { EventHeap, ScheduledEvent } from "../../../netem/event_heap.ts";

class Numbered extends ScheduledEvent {
  constructor(readonly id: number) {
    super();
  }
}

function drain(heap: EventHeap<Numbered>, untilUs: number): number[] {
  const ids: number[] = [];
  for (let event = heap.popUntil(untilUs); event !== undefined; event = heap.popUntil(untilUs)) ids.push(event.id);
  return ids;
}

Deno.test("EventHeap.popUntil returns the earliest event first, ties in the order of scheduling", () => {
  const heap = new EventHeap<Numbered>();
  [30, 10, 20, 10, 30, 10].forEach((timeUs, id) => heap.schedule(new Numbered(id), timeUs));
  assert.equal(heap.nextUs, 10);
  assert.deepEqual(drain(heap, 25), [1, 3, 5, 2]);
  assert.equal(heap.nextUs, 30);
  assert.deepEqual(drain(heap, Infinity), [0, 4]);
  assert.equal(heap.nextUs, Infinity);
  assert.equal(heap.popUntil(Infinity), undefined);
});

Deno.test("EventHeap.schedule moves a scheduled event after the others of its new time", () => {
  const heap = new EventHeap<Numbered>();
  const events = [0, 1, 2].map((id) => new Numbered(id));
  events.forEach((event) => heap.schedule(event, 10));
  heap.schedule(events[0]!, 10);
  assert.equal(heap.size, 3);
  heap.schedule(events[2]!, 5);
  assert.deepEqual(drain(heap, 10), [2, 1, 0]);
});

Deno.test("EventHeap.cancel removes an event, and ignores one that is not scheduled", () => {
  const heap = new EventHeap<Numbered>();
  const event = new Numbered(1);
  heap.cancel(event);
  heap.schedule(event, 7);
  assert.equal(event.isScheduled, true);
  heap.cancel(event);
  heap.cancel(event);
  assert.equal(event.isScheduled, false);
  assert.equal(heap.size, 0);
  assert.equal(heap.popUntil(Infinity), undefined);
});

Deno.test("EventHeap.cancel keeps the order if the event that fills the gap has to rise", () => {
  const heap = new EventHeap<Numbered>();
  const events = [1, 100, 2, 101, 102, 3, 4, 103, 104, 105, 106, 5, 6, 7, 8].map((timeUs) => {
    const event = new Numbered(timeUs);
    heap.schedule(event, timeUs);
    return event;
  });
  // 8, the last in the heap, takes the place of 101 below 100.
  heap.cancel(events[3]!);
  assert.deepEqual(drain(heap, Infinity), [1, 2, 3, 4, 5, 6, 7, 8, 100, 102, 103, 104, 105, 106]);
});

Deno.test("EventHeap rejects a time that is not an integer, and an event that is in another heap", () => {
  const heap = new EventHeap<Numbered>();
  for (const timeUs of [NaN, Infinity, 0.5, 2 ** 53]) {
    assert.throws(() => heap.schedule(new Numbered(0), timeUs), InvariantError);
  }
  const event = new Numbered(1);
  heap.schedule(event, 1);
  assert.throws(() => new EventHeap<Numbered>().schedule(event, 1), InvariantError);
  assert.throws(() => new EventHeap<Numbered>().cancel(event), InvariantError);
});

/** A step that is taken with the heap and with a sorted list. */
type Step = { kind: "schedule" | "cancel"; id: number; timeUs: number } | { kind: "pop"; untilUs: number };

Deno.test("EventHeap agrees with a list that is searched each time", () => {
  const id = fc.nat(40);
  const timeUs = fc.oneof(fc.nat(30), fc.integer({ min: 2 ** 52, max: 2 ** 52 + 3 }));
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("schedule" as const), id, timeUs }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("cancel" as const), id, timeUs }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("pop" as const), untilUs: timeUs }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const heap = new EventHeap<Numbered>();
      const events = Array.from({ length: 41 }, (_, n) => new Numbered(n));
      let list: { id: number; timeUs: number }[] = [];
      for (const step of steps) {
        if (step.kind === "pop") {
          const first = list.find(({ timeUs }) => timeUs === Math.min(...list.map((other) => other.timeUs)));
          const expected = first !== undefined && first.timeUs <= step.untilUs ? first : undefined;
          assert.equal(heap.popUntil(step.untilUs)?.id, expected?.id);
          list = list.filter((entry) => entry !== expected);
        } else {
          list = list.filter((entry) => entry.id !== step.id);
          if (step.kind === "cancel") {
            heap.cancel(events[step.id]!);
          } else {
            heap.schedule(events[step.id]!, step.timeUs);
            list.push({ id: step.id, timeUs: step.timeUs });
          }
        }
        assert.equal(heap.size, list.length);
        assert.equal(heap.nextUs, Math.min(Infinity, ...list.map((entry) => entry.timeUs)));
      }
    }),
    { seed: 1, numRuns: 200 },
  );
});
