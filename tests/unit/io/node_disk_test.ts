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

/** Locks a file in another process until its input ends; prints whether it has the lock. */
const LOCKER = `
import { nodeDisk } from ${JSON.stringify(new URL("../../../io/node_disk.ts", import.meta.url).href)};
console.log(await nodeDisk.tryLock(Deno.args[0]) !== undefined);
for await (const _ of Deno.stdin.readable);
`;

/** Starts it; resolves when it has tried, to the result and a function that ends it. */
async function lockElsewhere(path: string): Promise<{ isLocked: boolean; end: () => Promise<void> }> {
  const script = `${path}.script.ts`;
  Deno.writeTextFileSync(script, LOCKER);
  const args = ["run", "--no-check", "--no-config", "--no-prompt", "--allow-read", "--allow-write", script, path];
  const child = new Deno.Command(Deno.execPath(), { args, stdin: "piped", stdout: "piped" }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value } = await reader.read();
  const end = async (): Promise<void> => {
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
    await child.stdin.close().catch(() => {});
  };
  return { isLocked: value === "true\n", end };
}

check("locks a file against this process and others, until it is released or the process ends", async (folder) => {
  const path = `${folder}/a`;
  Deno.writeTextFileSync(path, "a");
  if (!nodeDisk.hasLocks) return assert.equal(await nodeDisk.tryLock(path), undefined);
  const first = (await nodeDisk.tryLock(path))!;
  const { dev, ino } = (await nodeDisk.lstat(path))!;
  assert.deepEqual([first.dev, first.ino], [dev, ino]);
  assert.equal(await nodeDisk.tryLock(path), undefined);
  const loser = await lockElsewhere(path);
  assert.equal(loser.isLocked, false);
  await loser.end();
  first.release();
  const winner = await lockElsewhere(path);
  assert.equal(winner.isLocked, true);
  assert.equal(await nodeDisk.tryLock(path), undefined);
  await winner.end();
  (await nodeDisk.tryLock(path))!.release();
  await assert.rejects(nodeDisk.tryLock(`${folder}/missing`), { code: "ENOENT" });
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
