// A user of the server's machine who may write in its folder, or above it, against the store on the real disk: what lies
// elsewhere is neither read, written, listed nor touched, nothing that was there is lost, and nothing hangs. Races are
// not left to chance: a disk that is the real one but for one call does the exchange at the worst moment.

import assert from "node:assert/strict";
import { nodeDisk } from "../../io/node_disk.ts";
import { DirectoryStore } from "../../store/directory_store.ts";
import type { Disk } from "../../store/disk.ts";
import { syncFolder } from "../../store/folder_sync.ts";
import { createLocalFile, LocalFolders, openLocalFile } from "../../store/local_file.ts";
import { lastingName } from "../../store/partial_file.ts";
import { placeExclusively } from "../../store/placement.ts";
import { promised, type PromisedStore } from "../../testing/promised_store.ts";
import { StoreError, type StoreErrorKind } from "../../transfer/file_store.ts";
import { assertRefused, commit, pattern, store as storeFile } from "../../testing/file_store_compliance.ts";
import {
  assertFailed,
  attack,
  begin,
  makeFifo,
  names,
  partialFile,
  type Scene,
  SECRET_TIME,
} from "../../testing/store_attack.ts";

/** How a folder that the store serves can become another one. */
const EXCHANGES: readonly { readonly what: string; readonly exchange: (scene: Scene) => void }[] = [
  { what: "a link", exchange: ({ folder, root }) => Deno.symlinkSync(`${folder}/foreign`, root) },
  { what: "another folder", exchange: ({ folder, root }) => Deno.renameSync(`${folder}/foreign`, root) },
  { what: "a FIFO", exchange: ({ root }) => makeFifo(root) },
];

/** Takes the store's folder away and does the exchange; the function that it returns undoes both. */
function exchangeRoot(scene: Scene, exchange: (scene: Scene) => void): () => void {
  const { folder, root } = scene;
  Deno.renameSync(root, `${folder}/first`);
  exchange(scene);
  return () => {
    if (names(folder).includes("foreign")) Deno.removeSync(root);
    else Deno.renameSync(root, `${folder}/foreign`);
    Deno.renameSync(`${folder}/first`, root);
  };
}

for (const { what, exchange } of EXCHANGES) {
  attack(`does nothing in ${what} that takes its folder's place, and goes on when it is back`, async (scene) => {
    const { store } = scene;
    await storeFile(store, "a", { bytes: pattern(10) });
    const file = await begin(store, "b");
    const replacing = await begin(store, "a", { overwrite: true });
    const undo = exchangeRoot(scene, exchange);
    for (
      const call of [
        () => store.list(),
        () => store.stat("a"),
        () => store.open("a"),
        () => store.open("missing"),
        () => store.create("c", { sizeBytes: 0, overwrite: false }),
        () => store.create("a", { sizeBytes: 0, overwrite: true }),
      ]
    ) assert.match((await assertRefused("io", call)).message, /the server's folder has gone.*start the server again$/);
    assertFailed(await commit(file), "io");
    undo();
    assert.equal(await commit(await begin(store, "c")), "c");
    assert.equal(await commit(replacing), "a");
    // Of "b" only what could not be removed any more: a later start does that.
    assert.deepEqual((await store.list()).map((info) => info.name), ["a", "c"]);
  });

  attack(`does nothing in ${what} that takes its folder's place in the middle of a call`, async (scene) => {
    const { before, store } = scene;
    await storeFile(store, "a", { bytes: pattern(10) });
    for (
      const [moment, call] of [
        ["open", () => store.open("a")],
        ["open", () => store.create("b", { sizeBytes: 0, overwrite: false })],
        ["readdir", () => store.list()],
      ] as const
    ) {
      let undo = () => {};
      before[moment] = () => {
        delete before[moment];
        undo = exchangeRoot(scene, exchange);
      };
      await assert.rejects(call, StoreError);
      undo();
    }
    (await store.open("a")).close();
    assert.deepEqual(names(scene.root), ["a"]);
  });
}

attack("does not hang on a FIFO that takes its folder's place when that is synced", async (scene) => {
  const { folder } = scene;
  makeFifo(`${folder}/fifo`);
  await syncFolder(nodeDisk, `${folder}/fifo`);
});

attack("notices that a folder above its own has become a link", async (scene) => {
  const { folder } = scene;
  Deno.mkdirSync(`${folder}/above`);
  const store = promised(await DirectoryStore.open(`${folder}/above/root`, { disk: nodeDisk }));
  Deno.mkdirSync(`${folder}/fake/root`, { recursive: true });
  Deno.writeTextFileSync(`${folder}/fake/root/a`, "not to be given out");
  Deno.renameSync(`${folder}/above`, `${folder}/first`);
  Deno.symlinkSync("fake", `${folder}/above`);
  await assertRefused("io", () => store.open("a"));
  await assertRefused("io", () => store.list());
});

/** What can be put where the store has just seen a file, each with what is said of it. */
const SURPRISES: readonly { what: string; kind: StoreErrorKind; put: (path: string, scene: Scene) => void }[] = [
  { what: "a link", kind: "not-a-file", put: (path, { secret }) => Deno.symlinkSync(secret, path) },
  { what: "a FIFO", kind: "not-a-file", put: makeFifo },
  { what: "a folder", kind: "not-a-file", put: (path) => Deno.mkdirSync(path) },
  { what: "another file", kind: "changed", put: (path) => Deno.writeTextFileSync(path, "another") },
  { what: "nothing", kind: "not-found", put: () => {} },
];

for (const { what, kind, put } of SURPRISES) {
  attack(`opens no file that becomes ${what} after it was looked at`, async (scene) => {
    const { before, root, store } = scene;
    await storeFile(store, "a", { bytes: pattern(10) });
    before.open = (path) => {
      delete before.open;
      Deno.renameSync(path, `${root}/away`);
      put(path, scene);
    };
    await assertRefused(kind, () => store.open("a"));
  });
}

/** What can be put in the place of a file that is on its way in. */
const LODGERS: readonly { readonly what: string; readonly put: (path: string, scene: Scene) => void }[] = [
  { what: "a link to a file", put: (path, { secret }) => Deno.symlinkSync(secret, path) },
  { what: "a second name of a file", put: (path, { secret }) => Deno.linkSync(secret, path) },
  { what: "another file", put: (path) => Deno.writeTextFileSync(path, "another") },
  { what: "a FIFO", put: makeFifo },
  { what: "a folder", put: (path) => Deno.mkdirSync(path) },
];

for (const { what, put } of LODGERS) {
  attack(`places nothing but what was written when ${what} takes a partial file's place`, async (scene) => {
    const { root, store } = scene;
    await storeFile(store, "old", { bytes: pattern(10) });
    for (const [name, overwrite] of [["new", false], ["old", true]] as const) {
      const file = await begin(store, name, { overwrite });
      const partial = partialFile(root);
      Deno.removeSync(partial);
      put(partial, scene);
      const error = assertFailed(await commit(file), "changed");
      assert.match(
        error.message,
        /^"(?:new|old)" was not stored: another program replaced its partial file/,
      );
      if (names(root).length > 1) Deno.removeSync(partial);
    }
    assert.deepEqual(names(root), ["old"]);
    assert.deepEqual(Deno.readFileSync(`${root}/old`), pattern(10));
  });
}

/** The path of the partial file of {@link resume}. */
function lastingPath(root: string): string {
  const purpose = { purpose: "peer", path: "a", sizeBytes: 300_000, modifiedUs: SECRET_TIME.getTime() * 1000 };
  return `${root}/${lastingName(purpose)}`;
}

/** Creates the file "a", which resumes. */
function resume(store: PromisedStore) {
  const modifiedUs = SECRET_TIME.getTime() * 1000;
  const resume = { purpose: "peer", reusesOld: true };
  return store.create("a", { sizeBytes: 300_000, modifiedUs, overwrite: true, resume });
}

/** Asserts that the file starts empty, and completes, while something else lies under the name of its partial file. */
async function assertStartsEmpty({ root, store }: Scene): Promise<void> {
  const file = await resume(store);
  assert.equal(file.heldBytes, 0);
  file.write(0, pattern(300_000, 5));
  assert.equal(await commit(file), "a");
  assert.deepEqual(Deno.readFileSync(`${root}/a`), pattern(300_000, 5));
}

/** Leaves a partial file for the next try. */
async function leavePartial({ store }: Scene): Promise<void> {
  const file = await resume(store);
  file.write(0, pattern(300_000));
  file.keep();
}

for (const { what, put } of LODGERS.filter(({ what }) => what !== "another file")) {
  attack(`resumes nothing from ${what} under a partial file's name`, async (scene) => {
    put(lastingPath(scene.root), scene);
    const before = Deno.lstatSync(lastingPath(scene.root));
    await assertStartsEmpty(scene);
    const after = Deno.lstatSync(lastingPath(scene.root));
    assert.deepEqual([after.ino, after.nlink, after.size], [before.ino, before.nlink, before.size]);
  });

  for (const moment of ["openSync", "tryLock"] as const) {
    attack(`resumes nothing from ${what} that takes a partial file's place before ${moment}`, async (scene) => {
      if (!nodeDisk.hasLocks) return;
      const { before, root } = scene;
      await leavePartial(scene);
      let isPut = false;
      before[moment] = (path) => {
        delete before[moment];
        isPut = true;
        Deno.renameSync(path, `${root}/away`);
        put(path, scene);
      };
      await assertStartsEmpty(scene);
      assert(isPut);
      assert.deepEqual(Deno.readFileSync(`${root}/away`), pattern(300_000));
    });
  }
}

attack("resumes nothing where others may write in the folder", async (scene) => {
  const { root } = scene;
  await leavePartial(scene);
  Deno.chmodSync(root, 0o770);
  await assertStartsEmpty(scene);
  if (nodeDisk.hasLocks) assert.deepEqual(Deno.readFileSync(lastingPath(root)), pattern(300_000));
});

attack("resumes nothing that belongs to another user", async (scene) => {
  // Only root can give a file away.
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return;
  const { root } = scene;
  Deno.writeFileSync(lastingPath(root), pattern(300_000), { mode: 0o600 });
  Deno.chownSync(lastingPath(root), 12_345, null);
  await assertStartsEmpty(scene);
  assert.deepEqual(Deno.readFileSync(lastingPath(root)), pattern(300_000));
});

attack("makes private again what it resumes", async (scene) => {
  if (!nodeDisk.hasLocks) return;
  const { root, store } = scene;
  await leavePartial(scene);
  Deno.chmodSync(lastingPath(root), 0o666);
  const file = await resume(store);
  assert.equal(file.heldBytes, 300_000);
  assert.equal(Deno.statSync(lastingPath(root)).mode! & 0o777, 0o600);
  file.abort();
  assert.deepEqual(names(root), []);
});

for (const { what, put } of LODGERS.filter(({ what }) => what !== "another file")) {
  attack(`reuses nothing of ${what} in the place of an older version`, async (scene) => {
    const { before, root, store } = scene;
    await storeFile(store, "a", { bytes: pattern(300_000) });
    before.openSync = (path) => {
      delete before.openSync;
      Deno.renameSync(path, `${root}/away`);
      put(path, scene);
    };
    const file = await resume(store);
    assert.equal(file.heldBytes, 0);
    file.abort();
  });
}

attack("keeps what appears under a name between its last look and the call that places the file", async (scene) => {
  const { before, root, store } = scene;
  for (const put of [(path: string) => Deno.writeTextFileSync(path, "precious"), makeFifo]) {
    const file = await begin(store, "a");
    before.link = () => put(`${root}/a`);
    assertFailed(await commit(file), "exists");
    assert.deepEqual(names(root), ["a"]);
    Deno.removeSync(`${root}/a`);
  }
});

attack("replaces a link itself, and not what it leads to", async (scene) => {
  const { before, root, secret, store } = scene;
  await storeFile(store, "a", { bytes: pattern(10) });
  const file = await begin(store, "a", { overwrite: true });
  before.rename = () => {
    Deno.removeSync(`${root}/a`);
    Deno.symlinkSync(secret, `${root}/a`);
  };
  assert.equal(await commit(file), "a");
  assert.deepEqual(Deno.readFileSync(`${root}/a`), pattern(3));
  assert(Deno.lstatSync(`${root}/a`).isFile);
});

attack("removes nobody's file when its own claim of a name comes to nothing", async (scene) => {
  const { root } = scene;
  Deno.writeTextFileSync(`${root}/unfinished`, "new");
  const temporaryPath = `${root}/unfinished`;
  const withoutLinks: Disk = {
    ...nodeDisk,
    link: () => Promise.reject(Object.assign(new Error("EPERM"), { code: "EPERM" })),
    renameSync(_from, to) {
      Deno.removeSync(to);
      Deno.writeTextFileSync(`${root}/other`, "precious");
      Deno.renameSync(`${root}/other`, to);
      throw Object.assign(new Error("EIO"), { code: "EIO" });
    },
  };
  const identity = (await nodeDisk.lstat(temporaryPath))!;
  const placement = { disk: withoutLinks, sync: () => Promise.resolve(), temporaryPath, identity, subject: '"a"' };
  await assert.rejects(placeExclusively({ ...placement, finalPath: `${root}/a` }), { code: "EIO" });
  assert.equal(Deno.readTextFileSync(`${root}/a`), "precious");
});

attack("gives out no second name of a file where others may write in the folder", async (scene) => {
  const { root, secret, store } = scene;
  Deno.linkSync(secret, `${root}/a`);
  // Nobody but the owner can have put it there: it is served.
  (await store.open("a")).close();
  assert.deepEqual((await store.list()).map((info) => info.name), ["a"]);
  for (const mode of [0o770, 0o702, 0o1777]) {
    Deno.chmodSync(root, mode);
    assert.match(
      (await assertRefused("denied", () => store.open("a"))).message,
      /"a" has a second name \(a hard link\)/,
    );
    await assertRefused("denied", () => store.stat("a"));
    assert.deepEqual(await store.list(), []);
  }
  await storeFile(store, "a", { bytes: pattern(3), overwrite: true });
  assert.deepEqual((await store.list()).map((info) => info.name), ["a"]);
  (await store.open("a")).close();
});

attack("gives out its own file while that has two names for a moment, also where others may write", async (scene) => {
  const { root } = scene;
  Deno.chmodSync(root, 0o777);
  let looks = 0;
  const store: PromisedStore = promised(
    await DirectoryStore.open(root, {
      disk: {
        ...nodeDisk,
        async link(oldPath, newPath) {
          await nodeDisk.link(oldPath, newPath);
          (await store.open("a")).close();
          looks = (await store.list()).length;
        },
      },
    }),
  );
  await storeFile(store, "a", { bytes: pattern(3) });
  assert.equal(looks, 1);
});

attack("keeps from others what was kept from them when a file is replaced", async (scene) => {
  const { folder, root, store } = scene;
  const modeOf = (path: string) => Deno.statSync(path).mode! & 0o7777;
  await storeFile(store, "a", { bytes: pattern(3) });
  const folders = new LocalFolders(nodeDisk);
  for (const [mode, expected] of [[0o600, 0o600], [0o755, 0o755], [0o400, 0o400], [0o4755, 0o755]] as const) {
    Deno.chmodSync(`${root}/a`, mode);
    await storeFile(store, "a", { bytes: pattern(3), overwrite: true });
    assert.equal(modeOf(`${root}/a`), expected);
    Deno.writeTextFileSync(`${folder}/local`, "old");
    Deno.chmodSync(`${folder}/local`, mode);
    const file = await createLocalFile(`${folder}/local`, {
      sizeBytes: 0,
      ifExists: "replace",
      folders,
    });
    assert.equal(await commit(file), `${folder}/local`);
    assert.equal(modeOf(`${folder}/local`), expected);
    Deno.removeSync(`${folder}/local`);
  }
});

attack("is not ended by a size or a time that no message can hold", async (scene) => {
  const { root } = scene;
  Deno.writeTextFileSync(`${root}/large`, "x");
  Deno.writeTextFileSync(`${root}/late`, "x");
  Deno.writeTextFileSync(`${root}/early`, "x");
  const lies: Readonly<Record<string, object>> = {
    large: { size: 2 ** 60 },
    late: { mtimeMs: 9.2e18 },
    early: { mtimeMs: -9.2e18 },
  };
  let name = "";
  const lie = <Stats>(stats: Stats): Stats => stats && Object.assign(stats, lies[name]);
  const store = promised(
    await DirectoryStore.open(root, {
      disk: {
        ...nodeDisk,
        async lstat(path) {
          const stats = await nodeDisk.lstat(path);
          if (path !== root) name = path.slice(root.length + 1);
          return lie(stats);
        },
        fstat: (descriptor) => lie(nodeDisk.fstat(descriptor)),
      },
    }),
  );
  assert.deepEqual((await store.list()).map((info) => [info.name, info.modifiedUs]), [["early", -8.64e18], [
    "late",
    8.64e18,
  ]]);
  assert.match(
    (await assertRefused("not-a-file", () => store.stat("large"))).message,
    /larger than any file that can be sent/,
  );
  await assertRefused("not-a-file", () => store.open("large"));
  for (const name of ["late", "early"]) {
    const file = await store.open(name);
    assert.equal(file.hasChanged(), false);
    file.close();
  }
  await assertRefused("not-a-file", () =>
    openLocalFile(`${root}/large`, {
      disk: {
        ...nodeDisk,
        stat: async () => {
          name = "large";
          return lie(await nodeDisk.stat(`${root}/large`));
        },
      },
    }));
});
