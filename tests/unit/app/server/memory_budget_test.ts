import assert from "node:assert/strict";
import { type Measured, MemoryBudget } from "../../../../app/server/memory_budget.ts";

const MIB = 1024 * 1024;

class Fake implements Measured {
  streamMemoryBytes = 0;
  stats = { packetsRemembered: 0, rangesRemembered: 0 };
}

/** Looks at a connection as often as it takes until its figures are taken. */
function excessOf(budget: MemoryBudget, connection: Measured): number {
  return Math.max(...Array.from({ length: 8 }, () => budget.excessOf(connection)));
}

function holding(budget: MemoryBudget, bytes: number): Fake {
  const connection = new Fake();
  connection.streamMemoryBytes = bytes;
  excessOf(budget, connection);
  return connection;
}

Deno.test("MemoryBudget.excessOf lets a connection take as much as is left free", () => {
  const budget = new MemoryBudget({ maxBytes: 64 * MIB });
  const connection = new Fake();
  assert.equal(budget.excessOf(connection), 0);
  connection.streamMemoryBytes = 60 * MIB;
  assert.equal(excessOf(budget, connection), 0);
  // What a single datagram brings counts at once.
  connection.streamMemoryBytes = 65 * MIB;
  assert(budget.excessOf(connection) > 64 * MIB);
});

Deno.test("MemoryBudget.excessOf finds connections that take much, and spares those that take little, whichever came first", () => {
  const budget = new MemoryBudget({ maxBytes: 64 * MIB });
  const early = holding(budget, 100_000);
  const greedy = Array.from({ length: 20 }, () => holding(budget, 4 * MIB));
  const late = holding(budget, 100_000);
  assert.equal(excessOf(budget, early), 0);
  assert.equal(excessOf(budget, late), 0);
  let closed = 0;
  for (const connection of greedy) {
    if (excessOf(budget, connection) === 0) continue;
    closed++;
    budget.forget(connection);
  }
  assert(closed >= 5 && closed < 20, `${closed}`);
  assert(budget.usedBytes <= 64 * MIB);
});

Deno.test("MemoryBudget.excessOf counts unacknowledged packets, and ranges of packet numbers", () => {
  const budget = new MemoryBudget({ maxBytes: 16 * MIB });
  const connection = new Fake();
  connection.stats.packetsRemembered = 100_000;
  assert(excessOf(budget, connection) > 16 * MIB);
  connection.stats.packetsRemembered = 0;
  connection.stats.rangesRemembered = 65_536;
  assert.equal(excessOf(budget, connection), 0);
  assert(budget.usedBytes > MIB);
});

Deno.test("MemoryBudget.forget forgets all of a connection, and may be called for one never seen", () => {
  const budget = new MemoryBudget({ maxBytes: 16 * MIB });
  const connection = holding(budget, MIB);
  assert(budget.usedBytes > MIB);
  budget.forget(connection);
  budget.forget(connection);
  budget.forget(new Fake());
  assert.equal(budget.usedBytes, 0);
});

Deno.test("MemoryBudget.excessOf lets no connection take more than any may, though all is free", () => {
  const budget = new MemoryBudget({ maxBytes: 64 * MIB, maxEachBytes: 8 * MIB });
  const connection = holding(budget, 7 * MIB);
  assert.equal(excessOf(budget, connection), 0);
  connection.streamMemoryBytes = 8 * MIB;
  assert(budget.excessOf(connection) > 8 * MIB);
});
