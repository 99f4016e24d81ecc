import assert from "node:assert/strict";
import { ConnectionState, isOpen, transition } from "../../../protocol/connection_state.ts";

const { helloSent, finishSent, established, closing, draining, closed } = ConnectionState;

/** The transitions of docs/PROTOCOL.md, sections 6.4 and 6.5. */
const ALLOWED: readonly (readonly [ConnectionState, ConnectionState])[] = [
  [helloSent, finishSent],
  [helloSent, closed],
  [finishSent, established],
  [finishSent, closing],
  [finishSent, draining],
  [finishSent, closed],
  [established, closing],
  [established, draining],
  [established, closed],
  [closing, draining],
  [closing, closed],
  [draining, closed],
];

Deno.test("transition accepts the steps of the table and refuses every other", () => {
  const states = Object.values(ConnectionState);
  for (const from of states) {
    for (const to of states) {
      if (ALLOWED.some(([a, b]) => a === from && b === to)) assert.equal(transition(from, to), to);
      else assert.throws(() => transition(from, to), { name: "InvariantError" }, `${from} to ${to}`);
    }
  }
});

Deno.test("isOpen holds while data may flow", () => {
  assert.deepEqual(Object.values(ConnectionState).filter(isOpen), [finishSent, established]);
});
