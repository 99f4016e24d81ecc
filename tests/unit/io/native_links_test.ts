import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { loadLutimes, loadSymlink } from "../../../io/native_links.ts";

// Libraries stay loaded, so not in a test, which must leave nothing.
const symlink = loadSymlink();
const lutimes = loadLutimes();
const isFoundByNextName = loadSymlink(["libsluice-missing.so", "libc.so.6", "libSystem.dylib"]) !== undefined;
const hasLibrary = Deno.build.os === "linux" || Deno.build.os === "darwin";

function check(what: string, run: (folder: string) => Promise<void>): void {
  Deno.test(`loadSymlink ${what}`, async () => {
    const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "sluice-test-" }));
    try {
      await run(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** Runs a script with these permissions in a process of its own; returns what it prints. */
async function runWith(permissions: readonly string[], script: string, folder: string): Promise<string> {
  const file = path.join(folder, "script.ts");
  await Deno.writeTextFile(file, script);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--no-config", "--no-prompt", ...permissions, file],
    env: { NO_COLOR: "1" },
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

const urlOf = (module: string) => JSON.stringify(new URL(`../../../io/${module}`, import.meta.url).href);

Deno.test("loadSymlink finds the C library of Linux and macOS, and none of another name", () => {
  assert.equal(symlink !== undefined, hasLibrary);
  assert.equal(isFoundByNextName, hasLibrary);
  assert.equal(loadSymlink(["libsluice-missing.so"]), undefined);
});

check("makes links with exactly this text, whether or not there is such a file", async (folder) => {
  if (symlink === undefined) return;
  for (const [target, name] of [["a", "plain"], ["../ü/\u{1f600} x\n", "ü\u{1f600}\n"], ["x".repeat(4000), "long"]]) {
    await symlink(target!, path.join(folder, name!));
    assert.equal(await Deno.readLink(path.join(folder, name!)), target);
  }
});

check("has a companion that sets the time of a link itself, as exactly as Deno reads it", async (folder) => {
  assert.equal(lutimes !== undefined, hasLibrary);
  if (symlink === undefined || lutimes === undefined) return;
  const [file, link] = [path.join(folder, "file"), path.join(folder, "link")];
  await Deno.writeTextFile(file, "");
  const before = (await Deno.stat(file)).mtime;
  await symlink("file", link);
  for (const modifiedUs of [1_700_000_000_123_456, 0, -5_000_000, -1_500_000, 15_032_304_000_001_000]) {
    await lutimes(link, modifiedUs);
    assert.equal(fs.lstatSync(link).mtimeMs, Math.floor(modifiedUs / 1000));
  }
  assert.deepEqual((await Deno.stat(file)).mtime, before);
  await assert.rejects(lutimes(path.join(folder, "missing"), 0), { code: "ENOENT" });
});

check("says why it failed, as the operating system would", async (folder) => {
  if (symlink === undefined) return;
  await Deno.writeTextFile(path.join(folder, "file"), "precious");
  await symlink("missing", path.join(folder, "link"));
  for (const taken of ["file", "link"]) {
    await assert.rejects(symlink("a", path.join(folder, taken)), { code: "EEXIST" });
  }
  await assert.rejects(symlink("a", path.join(folder, "missing", "a")), { code: "ENOENT" });
  await assert.rejects(symlink("a", path.join(folder, "file", "a")), { code: "ENOTDIR" });
  await assert.rejects(symlink("a", path.join(folder, "x".repeat(300))), { code: "ENAMETOOLONG" });
  await assert.rejects(symlink("", path.join(folder, "empty")), { code: "UNKNOWN" });
  assert.equal(await Deno.readTextFile(path.join(folder, "file")), "precious");
  assert.equal(await Deno.readLink(path.join(folder, "link")), "missing");
});

check("refuses a NUL, before which C would end the text", async (folder) => {
  if (symlink === undefined) return;
  await assert.rejects(symlink("a\0b", path.join(folder, "a")), { code: "EINVAL" });
  await assert.rejects(symlink("a", path.join(folder, "a\0b")), { code: "EINVAL" });
  assert.deepEqual([...Deno.readDirSync(folder)], []);
});

check("asks nobody, and gives nothing, without the permission", async (folder) => {
  const script = `import { loadSymlink } from ${urlOf("native_links.ts")}; console.log(loadSymlink() === undefined);`;
  assert.equal(await runWith(["--allow-read", "--allow-write"], script, folder), "true");
});

check("makes links where the program may read and write still, and nowhere else", async (folder) => {
  if (!hasLibrary) return;
  for (const name of ["inside", "read", "outside"]) await Deno.mkdir(path.join(folder, name));
  const script = `
import { nodeDisk } from ${urlOf("node_disk.ts")};
import { confine } from ${urlOf("permissions.ts")};
import fs from "node:fs";
const [inside, read, outside] = ["inside", "read", "outside"].map((name) => ${JSON.stringify(folder)} + "/" + name);
confine({ read: [inside, read], write: [inside], network: false });
const attempts = {
  inside: () => nodeDisk.symlink("target", inside + "/link"),
  read: () => nodeDisk.symlink("target", read + "/link"),
  outside: () => nodeDisk.symlink("target", outside + "/link"),
  climbing: () => nodeDisk.symlink("target", inside + "/../outside/link"),
  "through Deno": () => fs.promises.symlink("target", inside + "/other"),
  "another library": async () => void Deno.dlopen("libc.so.6", {}),
};
for (const [what, attempt] of Object.entries(attempts)) {
  console.log(what, await attempt().then(() => "done", (error) => error.name === "NotCapable" ? "denied" : error));
}`;
  const said = await runWith(["--allow-ffi", "--allow-read=/", "--allow-write=/"], script, folder);
  const denied = ["read", "outside", "climbing", "through Deno", "another library"].map((what) => `${what} denied`);
  assert.deepEqual(said.split("\n"), ["inside done", ...denied]);
  assert.equal(await Deno.readLink(path.join(folder, "inside", "link")), "target");
  for (const name of ["read", "outside"]) assert.deepEqual([...Deno.readDirSync(path.join(folder, name))], []);
});
