import assert from "node:assert/strict";
import fs from "node:fs";
import { loadNativeStat, type NativeStat } from "../../../io/native_stat.ts";
import { type LibC, systemLibC } from "../../../io/libc.ts";
import type { DiskStats } from "../../../store/disk.ts";

const isLinux = Deno.build.os === "linux";

/** The attributes of a DiskStats. */
function plain(stats: DiskStats | undefined): Record<string, unknown> | undefined {
  if (stats === undefined) return undefined;
  const { dev, ino, nlink, size, blocks, mode, uid, gid, mtimeMs, ctimeMs, birthtimeMs } = stats;
  const kinds = [stats.isFile(), stats.isDirectory(), stats.isSymbolicLink()];
  return { dev, ino, nlink, size, blocks, mode, uid, gid, mtimeMs, ctimeMs, birthtimeMs, kinds };
}

/** Calls `use` with an open file. */
function withOpen(path: string, use: (descriptor: number) => void): void {
  const descriptor = fs.openSync(path, "r");
  try {
    use(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

Deno.test("loadNativeStat gives the numbers that node:fs gives", () => {
  const nativeStat = loadNativeStat();
  if (!isLinux) return assert.equal(nativeStat, undefined);
  const folder = Deno.makeTempDirSync();
  try {
    const paths = [folder, "/dev/null", "/proc/self/status"];
    const timesS = [0, 1, 1_700_000_000.123, 1_700_000_000.999_999, 2 ** 32 + 0.5];
    for (const [index, timeS] of timesS.entries()) {
      const path = `${folder}/${index}`;
      Deno.writeFileSync(path, new Uint8Array(index * 5000), { mode: 0o640 + index });
      Deno.truncateSync(path, index * 1_500_000_000);
      Deno.utimeSync(path, 1, timeS);
      paths.push(path);
    }
    Deno.linkSync(`${folder}/0`, `${folder}/second`);
    for (const path of paths) {
      withOpen(path, (descriptor) => {
        assert.deepEqual(plain(nativeStat!(descriptor)), plain(fs.fstatSync(descriptor)), path);
      });
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("loadNativeStat knows nothing of a descriptor that is not open", () => {
  if (!isLinux) return;
  assert.equal(loadNativeStat()!(1_000_000), undefined);
});

Deno.test("loadNativeStat loads nothing without the call, or where descriptors may be Deno's own", () => {
  if (typeof systemLibC === "string") return assert.equal(loadNativeStat(), undefined);
  assert.equal(loadNativeStat({ libc: "no C library" }), undefined);
  assert.equal(loadNativeStat({ libc: { ...systemLibC, statx: null } }), undefined);
  const loaded = ["1.46.3", "2.8.3", "2.9.0", "2.10.0", "3.0.0"].map((version) => loadNativeStat({ version }));
  assert.deepEqual(loaded.map((one) => one !== undefined), [false, false, true, true, true]);
});

Deno.test("loadNativeStat is not relied on when its first answer is about another file", () => {
  if (typeof systemLibC === "string") return;
  let calls = 0;
  const { statx } = systemLibC;
  withOpen("/proc/self/status", (other) => {
    const wrong: NonNullable<LibC["statx"]> = (_descriptor, ...rest) => {
      calls++;
      return statx!(other, ...rest);
    };
    const nativeStat: NativeStat = loadNativeStat({ libc: { ...(systemLibC as LibC), statx: wrong } })!;
    withOpen("/dev/null", (descriptor) => {
      assert.equal(nativeStat(descriptor), undefined);
      assert.equal(nativeStat(descriptor), undefined);
    });
  });
  assert.equal(calls, 1);
});
