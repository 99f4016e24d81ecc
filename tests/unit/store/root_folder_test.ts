import assert from "node:assert/strict";
import { nodeDisk } from "../../../io/node_disk.ts";
import { RootFolder } from "../../../store/root_folder.ts";
import { assertRefused } from "../../../testing/file_store_compliance.ts";

const HAS_MODES = Deno.build.os !== "windows";

function check(what: string, run: (folder: string) => Promise<void>): void {
  Deno.test(`RootFolder ${what}`, async () => {
    // The path that the system calls it by: on macOS, temporary folders are below a link.
    const folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "sluice-test-" }));
    try {
      await run(folder);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  });
}

function open(path: string): Promise<RootFolder> {
  return RootFolder.open(path, { disk: nodeDisk, create: true });
}

check("creates a private folder, and does not change an existing one", async (folder) => {
  const root = await open(`${folder}/new`);
  assert.deepEqual([root.path, root.isNew], [`${folder}/new`, true]);
  assert.equal((await open(`${folder}/new`)).isNew, false);
  Deno.mkdirSync(`${folder}/there`);
  if (!HAS_MODES) return;
  assert.equal(Deno.statSync(`${folder}/new`).mode! & 0o777, 0o700);
  Deno.chmodSync(`${folder}/there`, 0o750);
  await open(`${folder}/there`);
  assert.equal(Deno.statSync(`${folder}/there`).mode! & 0o777, 0o750);
});

check("creates no folder above it, whose disk may not be mounted", async (folder) => {
  const { message } = await assertRefused("not-found", () => open(`${folder}/mount/backup`));
  assert.equal(message, `the folder "${folder}/mount" does not exist; mount its disk, or create it`);
  assert.deepEqual([...Deno.readDirSync(folder)], []);
});

check("detects a folder that replaced the opened one", async (folder) => {
  const root = await open(`${folder}/root`);
  await root.require();
  Deno.renameSync(`${folder}/root`, `${folder}/first`);
  const lost = async () => (await assertRefused("io", () => root.require())).message;
  assert.match(await lost(), /folder has gone/);
  Deno.writeTextFileSync(`${folder}/root`, "a file");
  assert.match(await lost(), /folder has gone/);
  Deno.removeSync(`${folder}/root`);
  Deno.symlinkSync("first", `${folder}/root`);
  assert.match(await lost(), /folder has gone/);
  Deno.removeSync(`${folder}/root`);
  if (HAS_MODES) {
    Deno.mkdirSync(`${folder}/root`);
    assert.match(await lost(), /another one is in its place; put the first one back, or start the server again$/);
    Deno.removeSync(`${folder}/root`);
  }
  Deno.renameSync(`${folder}/first`, `${folder}/root`);
  await root.require();
});

check("notices that a folder above it has become a link", async (folder) => {
  if (!HAS_MODES) return;
  Deno.mkdirSync(`${folder}/above`);
  const root = await open(`${folder}/above/root`);
  Deno.mkdirSync(`${folder}/foreign/root`, { recursive: true });
  Deno.renameSync(`${folder}/above`, `${folder}/first`);
  Deno.symlinkSync("foreign", `${folder}/above`);
  await assertRefused("io", () => root.require());
});

check("reports that other users may write to it, or above it", async (folder) => {
  Deno.mkdirSync(`${folder}/above`, { mode: 0o700 });
  if (!HAS_MODES) return assert.deepEqual(await (await open(`${folder}/above/root`)).exposures(), []);
  const root = await open(`${folder}/above/root`);
  assert.deepEqual([await root.exposures(), root.isShared], [[], false]);
  const exposed = async (path: string, mode: number) => {
    Deno.chmodSync(path, mode);
    const found = await root.exposures();
    Deno.chmodSync(path, 0o700);
    return found.join("\n");
  };
  assert.match(await exposed(root.path, 0o770), /root is writable by other users, .*`chmod go-w .*root`$/);
  assert.equal(root.isShared, true);
  assert.match(await exposed(root.path, 0o703), /root is writable by other users/);
  assert.equal(await exposed(root.path, 0o755), "");
  assert.match(
    await exposed(`${folder}/above`, 0o707),
    /above is writable by all users, .*place of .*root/,
  );
  assert.equal(
    await exposed(`${folder}/above`, 0o1777),
    "",
    "users who may write in a sticky folder can move only what they own",
  );
  assert.equal(await exposed(`${folder}/above`, 0o770), "");
  await root.require();
  assert.equal(root.isShared, false);
});

check("does not report folders that it may not read", async (folder) => {
  const above = `${folder}/above`;
  const lstat = (path: string) => {
    if (path === above) return Promise.reject(Object.assign(new Error("Requires"), { name: "NotCapable" }));
    return nodeDisk.lstat(path);
  };
  Deno.mkdirSync(above);
  const root = await RootFolder.open(`${above}/root`, { disk: { ...nodeDisk, lstat }, create: true });
  if (HAS_MODES) Deno.chmodSync(above, 0o777);
  assert.deepEqual(await root.exposures(), []);
});
