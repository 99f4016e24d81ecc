/**
 * What is kept of a file when the receiver's disk becomes full in the middle: both sides are told, and the same command
 * completes the file when there is space, without sending again what had arrived.
 */

import assert from "node:assert/strict";
import path from "node:path";
import { nodeDisk } from "../../io/node_disk.ts";
import { assertSameFile, namesIn, writeRandomFile } from "../../testing/programs/files.ts";
import { Stage } from "../../testing/programs/programs.ts";

const SIZE_BYTES = 6_000_000;
/** Files may not grow beyond this many blocks of 512 or 1024 bytes, as if the disk were full. */
const FULL_DISK = 'trap "" XFSZ; ulimit -f 4000';
const KEPT = /cannot be written: .*; what had arrived is kept for the next try\n/;
const REUSED = / {2}\d\d\.\d % reused/;

Deno.test("server whose disk becomes full keeps what had arrived, and says so to both sides", async () => {
  if (!nodeDisk.hasLocks) return;
  await using stage = await Stage.open();
  const source = await writeRandomFile(stage.path("up.bin"), SIZE_BYTES);
  const full = await stage.startServer({ shell: FULL_DISK });
  const command = (address: string) => ["send", source, "--server", address];
  const { code, stderr } = await stage.client(command(full.address));
  assert.equal(code, 4);
  assert.match(stderr, KEPT);
  await full.program.says(KEPT);
  await full.stop();
  assert.match((await namesIn(full.root)).join(), /^\.sluice-[0-9a-f]{32}\.part$/);
  const server = await stage.startServer();
  const { stdout, ...again } = await stage.client(command(server.address));
  assert.deepEqual(again, { code: 0, stderr: "" });
  assert.match(stdout, REUSED);
  assert.deepEqual(await namesIn(server.root), ["up.bin"]);
  await assertSameFile(path.join(server.root, "up.bin"), source);
});

Deno.test("client whose disk becomes full keeps what had arrived, and says so to both sides", async () => {
  if (!nodeDisk.hasLocks) return;
  await using stage = await Stage.open();
  const server = await stage.startServer();
  const source = await writeRandomFile(path.join(server.root, "down.bin"), SIZE_BYTES);
  await Deno.mkdir(stage.path("copies"));
  const command = ["get", "down.bin", "--output", stage.path("copies"), "--server", server.address];
  const { code, stderr } = await stage.client(command, { shell: FULL_DISK });
  assert.equal(code, 6);
  assert.match(stderr, KEPT);
  await server.program.says(/get "down\.bin" failed: the client gave up: its disk or quota has too little space/);
  assert.match((await namesIn(stage.path("copies"))).join(), /^\.sluice-[0-9a-f]{32}\.part$/);
  const { stdout, ...again } = await stage.client(command);
  assert.deepEqual(again, { code: 0, stderr: "" });
  assert.match(stdout, REUSED);
  assert.deepEqual(await namesIn(stage.path("copies")), ["down.bin"]);
  await assertSameFile(stage.path("copies", "down.bin"), source);
});
