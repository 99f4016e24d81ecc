// Files over links that drop, damage, double and disorder datagrams, both ways: every byte arrives, and every injected
// fault is told.

import assert from "node:assert/strict";
import path from "node:path";
import { sample } from "../../testing/effort.ts";
import { assertSameFile, namesIn, writeRandomFile } from "../../testing/programs/files.ts";
import { reportsIn, type ServerProgram, Stage } from "../../testing/programs/programs.ts";

const SIZES_BYTES = [0, 1, 1000, 100_000, 3_000_000];

/** What `--simulate` is told, and how the fault lines call what it does. */
const LINKS: readonly { readonly faults: string; readonly told: readonly string[] }[] = sample([
  {
    faults: "drop=10%,corrupt=5%,duplicate=10%,reorder=10%,delay=3ms,jitter=2ms,seed=6",
    told: ["dropped", "corrupted", "duplicated", "held back"],
  },
  { faults: "drop=10%,seed=1", told: ["dropped"] },
  { faults: "drop=20%,seed=2", told: ["dropped"] },
  { faults: "corrupt=10%,seed=3", told: ["corrupted"] },
  { faults: "duplicate=20%,seed=4", told: ["duplicated"] },
  { faults: "reorder=20%,seed=5", told: ["held back"] },
], 1);

const FAULT_LINE = /simulated fault: (.+) (outgoing|incoming) datagram (\d+) \(\d+ bytes\)$/;

function faultLines(text: string): string[] {
  return text.split("\n").filter((line) => line.includes("simulated fault: "));
}

/**
 * Checks that each kind of fault was told of, each way, and nothing else; `runs` are the fault lines of one socket
 * each, which name its datagrams in order.
 */
function assertFaultsTold(runs: readonly (readonly string[])[], told: readonly string[]): void {
  const seen = new Set<string>();
  for (const lines of runs) {
    const last = new Map<string, number>();
    for (const line of lines) {
      const [, fault = "", direction = "", packet] = FAULT_LINE.exec(line) ?? assert.fail(`no fault line: ${line}`);
      assert.ok(told.includes(fault), `unexpected fault: ${line}`);
      assert.ok(Number(packet) >= (last.get(direction) ?? 1), `out of order: ${line}`);
      last.set(direction, Number(packet));
      seen.add(`${fault} ${direction}`);
    }
  }
  for (const fault of told) {
    for (const direction of ["outgoing", "incoming"]) {
      assert.ok(seen.has(`${fault} ${direction}`), `no ${direction} datagram is told to be ${fault}`);
    }
  }
}

/**
 * Sends all files and gets them again, over one connection each, and compares every byte. Returns what the client
 * wrote to standard error, run by run.
 */
async function sendAndGet(stage: Stage, server: ServerProgram, args: readonly string[]): Promise<string[]> {
  const { root, address } = server;
  const names = SIZES_BYTES.map((sizeBytes) => `${sizeBytes}.bin`);
  const sources = await Promise.all(
    SIZES_BYTES.map((sizeBytes, index) => writeRandomFile(stage.path(names[index]!), sizeBytes)),
  );
  const sent = await stage.client(["send", ...sources, "--server", address, ...args]);
  assert.equal(sent.code, 0, sent.stderr);
  assert.equal(reportsIn(sent.stdout), names.length);
  assert.deepEqual(await namesIn(root), names.toSorted());
  await Deno.mkdir(stage.path("copies"));
  const got = await stage.client(["get", ...names, "--output", stage.path("copies"), "--server", address, ...args]);
  assert.equal(got.code, 0, got.stderr);
  assert.deepEqual(await namesIn(stage.path("copies")), names.toSorted());
  for (const [index, name] of names.entries()) {
    await assertSameFile(path.join(root, name), sources[index]!);
    await assertSameFile(stage.path("copies", name), sources[index]!);
  }
  return [sent.stderr, got.stderr];
}

for (const { faults, told } of LINKS) {
  Deno.test(`client with --simulate ${faults} sends and gets every byte`, async () => {
    await using stage = await Stage.open();
    const server = await stage.startServer();
    const stderrs = await sendAndGet(stage, server, ["--verbose", "--simulate", faults]);
    const runs = stderrs.map((stderr) => faultLines(stderr));
    assertFaultsTold(runs, told);
  });

  Deno.test(`server with --simulate ${faults} takes and gives every byte`, async () => {
    await using stage = await Stage.open();
    const server = await stage.startServer({ args: ["--log-level", "debug", "--simulate", faults] });
    assert.deepEqual(await sendAndGet(stage, server, []), ["", ""]);
    assertFaultsTold([faultLines(server.log)], told);
  });
}

Deno.test("client and server that both inject faults into their traffic transfer every byte", async () => {
  await using stage = await Stage.open();
  const faults = "drop=10%,corrupt=2%,duplicate=5%,reorder=5%,seed=";
  const server = await stage.startServer({ args: ["--log-level", "debug", "--simulate", `${faults}7`] });
  const told = ["dropped", "corrupted", "duplicated", "held back"];
  const stderrs = await sendAndGet(stage, server, ["--verbose", "--simulate", `${faults}8`]);
  assertFaultsTold(stderrs.map((stderr) => faultLines(stderr)), told);
  assertFaultsTold([faultLines(server.log)], told);
});
