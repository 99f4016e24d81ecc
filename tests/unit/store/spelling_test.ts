import assert from "node:assert/strict";
import { SimulatedDisk } from "../../../sim/disk/disk.ts";
import { diskError } from "../../../store/disk_error.ts";
import { Spelling } from "../../../store/spelling.ts";
import { assertRefused, pattern } from "../../../testing/file_store_compliance.ts";

function diskWith(names: readonly string[], foldName: (name: string) => string): SimulatedDisk {
  const disk = new SimulatedDisk({ foldName });
  for (const name of names) disk.put(`/srv/${name}`, pattern(1));
  return disk;
}

Deno.test("Spelling.require accepts an entry's own name, and one that no entry has", async () => {
  const spelling = new Spelling(diskWith(["a.txt", "B"], (name) => name.toUpperCase()));
  for (const name of ["a.txt", "B", "c"]) await spelling.require(`/srv/${name}`, '"x"');
});

Deno.test("Spelling.require names the entry of which a name is another spelling", async () => {
  const pairs = [["a.txt", "A.TXT"], ["stra\u00dfe", "STRASSE"], ["\u00e4", "A\u0308"], ["\u017f", "S"], [
    "a\u200db",
    "AB",
  ]];
  for (const [existing, name] of pairs as [string, string][]) {
    const spelling = new Spelling(diskWith([existing], () => "all are one"));
    const error = await assertRefused("bad-name", () => spelling.require(`/srv/${name}`, '"x"'));
    assert.equal(
      error.message,
      `"x" is to this disk another spelling of "${existing}", which exists`,
    );
  }
});

Deno.test("Spelling.require refuses what the disk finds, even if no entry looks like it", async () => {
  const spelling = new Spelling(diskWith(["a long name.txt"], () => "all are one"));
  const error = await assertRefused("bad-name", () => spelling.require("/srv/ALONGN~1.TXT", '"x"'));
  assert.match(error.message, /another spelling of a file that exists$/);
});

Deno.test("Spelling.require accepts every name in a folder that may not be listed", async () => {
  for (const code of ["EACCES", "EPERM"]) {
    const disk = diskWith(["a"], (name) => name.toUpperCase());
    disk.readdir = () => Promise.reject(diskError(code));
    await new Spelling(disk).require("/srv/A", '"x"');
  }
  const disk = diskWith(["a"], (name) => name.toUpperCase());
  disk.readdir = () => Promise.reject(diskError("EIO"));
  await assert.rejects(new Spelling(disk).require("/srv/A", '"x"'), { code: "EIO" });
});

Deno.test("Spelling.require reads a folder once for many concurrent calls", async () => {
  const disk = diskWith(["a"], (name) => name.toUpperCase());
  const spelling = new Spelling(disk);
  await Promise.all(Array.from({ length: 100 }, () => spelling.require("/srv/a", '"a"')));
  assert.equal(disk.meter.operations.readdir, 1);
});

Deno.test("Spelling.require reads no folder for a name that the disk cannot take for another", async () => {
  const disk = new SimulatedDisk();
  for (const name of ["a.txt", "B-1", "123", "\u00e4", "K", "a;b", "`"]) disk.put(`/srv/${name}`, pattern(1));
  const spelling = new Spelling(disk);
  for (const name of ["a.txt", "B-1", "123"]) await spelling.require(`/srv/${name}`, '"x"');
  assert.equal(disk.meter.operations.readdir, 0);
  for (const name of ["\u00e4", "K", "a;b", "`"]) await spelling.require(`/srv/${name}`, '"x"');
  assert.equal(disk.meter.operations.readdir, 4, "a disk may normalize another character to one of these");
});

Deno.test("Spelling.require finds a name that is normalized, on a disk that distinguishes case", async () => {
  const spelling = new Spelling(diskWith(["\u212a"], (name) => name.normalize("NFC")));
  await assertRefused("bad-name", () => spelling.require("/srv/K", '"x"'));
});
