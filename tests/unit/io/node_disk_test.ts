import assert from "node:assert/strict";
import { constants } from "node:os";
import { nodeDisk, withCode } from "../../../io/node_disk.ts";
import { toStoreError } from "../../../store/disk_error.ts";
import { pattern } from "../../../testing/file_store_compliance.ts";

function check(what: string, run: (folder: string) => void | Promise<void>): void {
  Deno.test(`nodeDisk ${what}`, async () => {
    const folder = Deno.makeTempDirSync({ prefix: "sluice-test-" });
    try {
      await run(folder);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  });
}

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = nodeDisk.flags;

check("reads and writes at positions", async (folder) => {
  const descriptor = await nodeDisk.open(`${folder}/a`, O_RDWR | O_CREAT | O_EXCL, 0o600);
  assert.equal(nodeDisk.write(descriptor, pattern(10), 2, 5, 100), 5);
  assert.equal(nodeDisk.fstat(descriptor).size, 105);
  const into = new Uint8Array(10);
  assert.equal(nodeDisk.read(descriptor, into, 3, 7, 100), 5);
  assert.deepEqual(into.subarray(3, 8), pattern(10).subarray(2, 7));
  assert.equal(nodeDisk.read(descriptor, into, 0, 10, 105), 0);
  nodeDisk.close(descriptor);
});

check("names files anew, and makes that durable", async (folder) => {
  Deno.writeTextFileSync(`${folder}/a`, "a");
  await nodeDisk.link(`${folder}/a`, `${folder}/b`);
  await assert.rejects(nodeDisk.link(`${folder}/a`, `${folder}/b`), { code: "EEXIST" });
  await nodeDisk.rename(`${folder}/a`, `${folder}/c`);
  nodeDisk.renameSync(`${folder}/c`, `${folder}/d`);
  const descriptor = await nodeDisk.open(folder, O_RDONLY);
  await nodeDisk.fsync(descriptor);
  nodeDisk.close(descriptor);
  assert.deepEqual((await nodeDisk.readdir(folder)).toSorted(), ["b", "d"]);
  nodeDisk.unlink(`${folder}/b`);
  assert.equal(await nodeDisk.lstat(`${folder}/b`), undefined);
  await assert.rejects(() => nodeDisk.stat(`${folder}/b`), { code: "ENOENT" });
});

check("keeps times to the millisecond", async (folder) => {
  const descriptor = await nodeDisk.open(`${folder}/a`, O_RDWR | O_CREAT | O_EXCL, 0o600);
  for (
    const modifiedMs of [
      1,
      999,
      1_699_999_999_999,
      ...Array.from({ length: 100 }, (_, i) => 1.7e12 + i * 1_000_003),
    ]
  ) {
    nodeDisk.futimes(descriptor, modifiedMs * 1000);
    assert.equal(Math.floor((await nodeDisk.stat(`${folder}/a`)).mtimeMs), modifiedMs);
  }
  nodeDisk.close(descriptor);
});

check("keeps whole seconds before 1970 and in 1970 exactly, and rounds down a fraction before 1970", async (folder) => {
  const path = `${folder}/a`;
  const descriptor = await nodeDisk.open(path, O_RDWR | O_CREAT | O_EXCL, 0o600);
  // Deno 2.6 forgets the sign of a time that it reads.
  const readMs = async (sign: number) => Math.abs((await nodeDisk.stat(path)).mtimeMs) * sign;
  for (const seconds of [-1, -14_182_940, -(2 ** 31), 0, 1]) {
    nodeDisk.futimes(descriptor, seconds * 1e6);
    assert.equal(await readMs(Math.sign(seconds)), seconds * 1000);
  }
  nodeDisk.futimes(descriptor, -14_182_940_500_000);
  assert.equal(await readMs(-1), -14_182_941_000);
  nodeDisk.futimes(descriptor, 15_032_304_000_001_000);
  assert.equal(await readMs(1), 15_032_304_000_001);
  nodeDisk.close(descriptor);
});

check("knows folders and links", async (folder) => {
  await assert.rejects(() => nodeDisk.mkdir(`${folder}/x/y`, 0o700), { code: "ENOENT" });
  for (const made of ["x", "x/y"]) await nodeDisk.mkdir(`${folder}/${made}`, 0o700);
  await assert.rejects(() => nodeDisk.mkdir(`${folder}/x/y`, 0o755), { code: "EEXIST" });
  if (Deno.build.os !== "windows") {
    for (const made of ["x", "x/y"]) assert.equal((await nodeDisk.stat(`${folder}/${made}`)).mode & 0o777, 0o700);
  }
  Deno.symlinkSync("x/y", `${folder}/link`);
  assert((await nodeDisk.lstat(`${folder}/link`))!.isSymbolicLink());
  assert((await nodeDisk.stat(`${folder}/link`)).isDirectory());
  assert.equal(await nodeDisk.realpath(`${folder}/link`), await nodeDisk.realpath(`${folder}/x/y`));
  if (O_NOFOLLOW !== 0) {
    await assert.rejects(() => nodeDisk.open(`${folder}/link`, O_RDONLY | O_NOFOLLOW), { code: "ELOOP" });
  }
});

check("knows a real disk's free space, and no missing one's", async (folder) => {
  assert((await nodeDisk.freeBytes(folder) ?? 0) > 0);
  assert.equal(await nodeDisk.freeBytes(`${folder}/missing`), undefined);
});

Deno.test("withCode understands an error that Deno gives no code", () => {
  const tooLarge = withCode(new Error(`File too large (os error ${constants.errno.EFBIG})`));
  assert.equal(toStoreError(tooLarge, '"a"').kind, Deno.build.os === "windows" ? "io" : "no-space");
  const strange = toStoreError(withCode(new Error("Something new (os error 9999)")), '"a"');
  assert.equal(strange.kind, "io");
  assert.match(strange.message, /the disk reports OS9999$/);
});

Deno.test("withCode leaves a code, and a bug, as they are", () => {
  const coded = Object.assign(new Error("x (os error 27)"), { code: "EIO" });
  assert.equal(withCode(coded), coded);
  assert.equal(coded.code, "EIO");
  for (const bug of [new TypeError("x is not a function"), "text", undefined]) assert.equal(withCode(bug), bug);
});
