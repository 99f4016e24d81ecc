// As in store_attacks_test.ts, against the folders and links within a store: what takes the place of a folder, and where
// links lead.

import assert from "node:assert/strict";
import { sanitizeForDisplay } from "../../base/display_text.ts";
import { StoreError } from "../../transfer/file_store.ts";
import { assertRefused, commit, pattern, store as storeFile } from "../../testing/file_store_compliance.ts";
import { assertFailed, attack, begin, makeFifo, names, type Scene } from "../../testing/store_attack.ts";

/** How a folder in the store can become another one. */
const INNER_EXCHANGES: readonly { readonly what: string; readonly exchange: (path: string, scene: Scene) => void }[] = [
  { what: "a link", exchange: (path, { folder }) => Deno.symlinkSync(`${folder}/foreign`, path) },
  { what: "a relative link", exchange: (path) => Deno.symlinkSync("../foreign", path) },
  { what: "a FIFO", exchange: makeFifo },
  { what: "a file", exchange: (path) => Deno.writeTextFileSync(path, "file") },
];

for (const { what, exchange } of INNER_EXCHANGES) {
  attack(`enters no folder in whose place there is ${what}`, async (scene) => {
    const { root, store } = scene;
    await storeFile(store, "d/a", { bytes: pattern(3) });
    const file = await begin(store, "d/b");
    Deno.renameSync(`${root}/d`, `${root}/away`);
    exchange(`${root}/d`, scene);
    for (
      const call of [
        () => store.stat("d/a"),
        () => store.open("d/a"),
        () => store.create("d/c", { sizeBytes: 0, overwrite: false }),
        () => store.create("d/a", { sizeBytes: 0, overwrite: true }),
        () => store.makeFolder("d/new"),
        () => store.makeLink("d/new", { target: "a", overwrite: true }),
        () => store.remove("d/a", { recursive: true }),
        () => store.move("d/a", { newName: "stolen", overwrite: false }),
        () => store.move("away/a", { newName: "d/a", overwrite: true }),
        () => store.list({ path: "d" }),
      ]
    ) assert.match((await assertRefused("not-a-file", call)).message, /"d" is (?:a|not)/);
    assertFailed(await commit(file), "changed");
    const listed = (await store.list({ recursive: true })).map(({ name }) => name).filter((name) => name.includes("/"));
    assert.deepEqual(listed, ["away/a"], "a recursive list does not go through it either");
  });

  attack(`does nothing in ${what} that takes a folder's place in the middle of a call`, async (scene) => {
    const { before, root, store } = scene;
    await storeFile(store, "d/a", { bytes: pattern(3) });
    for (
      const [moment, call] of [
        ["open", () => store.open("d/a")],
        ["open", () => store.create("d/b", { sizeBytes: 0, overwrite: false })],
        ["readdir", () => store.list({ path: "d" })],
      ] as const
    ) {
      before[moment] = (path) => {
        if (!path.startsWith(`${root}/d`)) return;
        delete before[moment];
        Deno.renameSync(`${root}/d`, `${root}/away`);
        exchange(`${root}/d`, scene);
      };
      await assert.rejects(call, StoreError);
      Deno.removeSync(`${root}/d`);
      Deno.renameSync(`${root}/away`, `${root}/d`);
    }
    assert.deepEqual(names(`${root}/d`), ["a"]);
  });

  attack(`lists and removes nothing in ${what} that takes a folder's place while the tree is walked`, async (scene) => {
    const { before, root, store } = scene;
    await storeFile(store, "d/e/a", { bytes: pattern(3) });
    const list = async () => {
      assert.deepEqual((await store.list({ recursive: true })).map(({ name }) => name), ["d", "d/e"]);
    };
    const remove = async () => void await assert.rejects(store.remove("d", { recursive: true }), StoreError);
    for (const call of [list, remove]) {
      before.readdir = (path) => {
        if (path !== `${root}/d/e`) return;
        delete before.readdir;
        Deno.renameSync(path, `${root}/away`);
        exchange(path, scene);
      };
      await call();
      assert.deepEqual(names(`${root}/away`), ["a"]);
      Deno.removeSync(`${root}/d/e`);
      Deno.renameSync(`${root}/away`, `${root}/d/e`);
    }
  });
}

attack("removes links themselves, and what lies in no linked folder", async (scene) => {
  const { folder, root, secret, store } = scene;
  Deno.mkdirSync(`${root}/d`);
  Deno.symlinkSync(secret, `${root}/d/file`);
  Deno.symlinkSync(`${folder}/foreign`, `${root}/d/folder`);
  Deno.symlinkSync("..", `${root}/d/up`);
  makeFifo(`${root}/d/fifo`);
  Deno.symlinkSync(`${folder}/foreign`, `${root}/link`);
  assert.equal((await store.remove("link", { recursive: true })).count, 1);
  assert.equal((await store.remove("d", { recursive: true })).count, 5);
  assert.deepEqual(names(root), []);
});

attack("tells no peer where a link leads outside, and makes none that does", async (scene) => {
  const { folder, root, store } = scene;
  for (const target of [`${folder}/foreign`, "../foreign", "d/../../foreign"]) {
    Deno.symlinkSync(target, `${root}/link`);
    const info = await store.stat("link");
    assert.deepEqual([info.kind, info.target], ["link", undefined]);
    assert.deepEqual((await store.list()).map(({ name, target }) => [name, target]), [["link", undefined]]);
    await assertRefused("bad-name", () => store.move("link", { newName: "moved", overwrite: false }));
    Deno.removeSync(`${root}/link`);
    await assertRefused("bad-name", () => store.makeLink("link", { target, overwrite: true }));
  }
  assert.deepEqual(names(root), []);
});

attack("moves a link itself, and a file onto a link without following it", async (scene) => {
  const { root, store } = scene;
  await storeFile(store, "a", { bytes: pattern(3) });
  Deno.symlinkSync("a", `${root}/inside`);
  await store.move("inside", { newName: "d/moved", overwrite: false });
  Deno.symlinkSync("../secret", `${root}/bait`);
  await assertRefused("exists", () => store.move("a", { newName: "bait", overwrite: false }));
  await store.move("a", { newName: "bait", overwrite: true });
  assert.deepEqual(Deno.readFileSync(`${root}/bait`), pattern(3));
  assert(Deno.lstatSync(`${root}/bait`).isFile);
  assert.equal(Deno.readLinkSync(`${root}/d/moved`), "a");
});

attack("keeps names with newlines and the like apart, at every level", async (scene) => {
  const { store } = scene;
  const odd = ["a\nb", "\x1b[2J", "a\\b", " ", "...", "*", "x".repeat(255)];
  const paths = odd.flatMap((name) => [name, `${name}-d/${name}`]).filter((path) => !path.includes("x-d"));
  for (const path of paths) await storeFile(store, path, { bytes: pattern(3) });
  const listed = (await store.list({ recursive: true })).filter(({ kind }) => kind === "file").map(({ name }) => name);
  assert.deepEqual(listed, paths.toSorted());
  const error = await assertRefused("not-found", () => store.stat("a\nb-d/\x1b[2J/none"));
  assert.equal(error.message, sanitizeForDisplay(error.message), "and shows them escaped");
  for (const path of paths) await store.remove(path);
  for (const name of ["..", "a/../../secret", "./a", "a/", "/a", "a//b", "a\0", "d/.sluice-0.part"]) {
    await assertRefused("bad-name", () => store.remove(name, { recursive: true }));
    await assertRefused("bad-name", () => store.makeFolder(name));
    await assertRefused("bad-name", () => store.move("\x1b[2J-d", { newName: name, overwrite: true }));
  }
});

attack("gives out no second name of a file below a folder in which others may write", async (scene) => {
  const { root, secret, store } = scene;
  await store.makeFolder("d/e");
  Deno.linkSync(secret, `${root}/d/e/a`);
  (await store.open("d/e/a")).close();
  Deno.chmodSync(`${root}/d`, 0o777);
  await assertRefused("denied", () => store.open("d/e/a"));
  assert.deepEqual((await store.list({ path: "d/e" })).map(({ name }) => name), []);
  assert.deepEqual((await store.list({ recursive: true })).map(({ name }) => name), ["d", "d/e"]);
});
