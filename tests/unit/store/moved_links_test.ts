import assert from "node:assert/strict";
import { SimulatedDisk } from "../../../sim/disk/disk.ts";
import { DirectoryStore } from "../../../store/directory_store.ts";
import { type MovedFolder, removeStrayLinks, requireNoStrayLinks } from "../../../store/moved_links.ts";
import { assertRefused, pattern } from "../../../testing/file_store_compliance.ts";
import { promised } from "../../../testing/promised_store.ts";

function filled(): SimulatedDisk {
  const disk = new SimulatedDisk();
  disk.put("/srv/a/b/c/x", pattern(1));
  disk.putLink("/srv/a/b/near", "../y");
  disk.putLink("/srv/a/b/far", "../../y");
  disk.putLink("/srv/a/b/c/inner", "../../../y");
  disk.putLink("/srv/a/b/c/out", "../../../../y");
  return disk;
}

async function moving(disk: SimulatedDisk, newName: string): Promise<MovedFolder> {
  return { disk, path: "/srv/a/b", identity: await disk.stat("/srv/a/b"), name: "a/b", newName };
}

Deno.test("requireNoStrayLinks refuses a move by which a link would lead out of the store, and names the link", async () => {
  const disk = filled();
  const error = await assertRefused("bad-name", async () => await requireNoStrayLinks(await moving(disk, "b")));
  assert.match(error.message, /^"a\/b" cannot be moved to "b": the symbolic link "a\/b\/c\/inner" would lead out/);
  disk.remove("/srv/a/b/c/inner");
  const next = await assertRefused("bad-name", async () => await requireNoStrayLinks(await moving(disk, "b")));
  assert.match(next.message, /"a\/b\/far"/);
  disk.remove("/srv/a/b/far");
  // "near" stays in the store, and "out" never did.
  await requireNoStrayLinks(await moving(disk, "b"));
});

Deno.test("requireNoStrayLinks does not look into a folder that moves as deep as it was, or deeper", async () => {
  const disk = filled();
  for (const newName of ["a/d", "d/b", "d/e/f"]) await requireNoStrayLinks(await moving(disk, newName));
  assert.equal(disk.meter.operations.readdir, 0);
});

Deno.test("removeStrayLinks removes those that were made during the move, and no others", async () => {
  const disk = filled();
  const before = disk.tree("/srv");
  const error = await assertRefused("changed", async () => await removeStrayLinks(await moving(disk, "b")));
  assert.match(error.message, /were removed \(links: 2\)$/);
  assert.deepEqual(disk.tree("/srv"), before.filter((name) => !/far|inner/.test(name)));
  await removeStrayLinks(await moving(disk, "b"));
  const gone = { ...await moving(disk, "b"), path: "/srv/gone" };
  await removeStrayLinks(gone);
});

Deno.test("DirectoryStore leaves no link that leads out, whenever it is made during a move", async () => {
  const outcomes = new Set<string>();
  for (let step = 1; step <= 40; step++) {
    const disk = new SimulatedDisk();
    disk.put("/srv/a/b/x", pattern(1));
    const store = promised(await DirectoryStore.open("/srv", { disk }));
    let operations = 0;
    let making: Promise<unknown> | undefined;
    disk.meter.beforeOperation = () => {
      if (++operations !== step) return;
      making = store.makeLink("a/b/l", { target: "../../y", overwrite: false }).catch((error) => error);
    };
    const [moved] = await Promise.allSettled([store.move("a/b", { newName: "b", overwrite: false })]);
    disk.meter.beforeOperation = undefined;
    await making;
    const tree = disk.tree("/srv");
    assert(!tree.includes("b/l@../../y"), `link made at operation ${step}: ${tree}`);
    outcomes.add(moved!.status === "fulfilled" ? "moved" : moved!.reason.kind);
  }
  assert.deepEqual([...outcomes].sort(), ["bad-name", "changed", "moved"]);
});
