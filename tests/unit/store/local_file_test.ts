import assert from "node:assert/strict";
import { nodeDisk } from "../../../io/node_disk.ts";
import { SimulatedDisk } from "../../../sim/disk/disk.ts";
import { createLocalFile, LocalFolders, openLocalFile } from "../../../store/local_file.ts";
import { type IfExists, StoreError } from "../../../transfer/file_store.ts";
import { assertRefused, commit, pattern } from "../../../testing/file_store_compliance.ts";

function check(what: string, run: (folder: string) => void | Promise<void>): void {
  Deno.test(what, async () => {
    const folder = Deno.makeTempDirSync({ prefix: "sluice-test-" });
    try {
      await run(folder);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  });
}

const open = (path: string) => openLocalFile(path, { disk: nodeDisk });
const folders = new LocalFolders(nodeDisk);

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map((entry) => entry.name).toSorted();
}

/** Creates a file of `bytes` at `path` and commits it. */
async function save(path: string, options: { bytes: Uint8Array; ifExists?: IfExists }): Promise<string | StoreError> {
  const { bytes, ifExists = "beside" } = options;
  const file = await createLocalFile(path, {
    sizeBytes: bytes.length,
    modifiedUs: 1_700_000_000_123_000,
    ifExists,
    folders,
  });
  file.write(0, bytes);
  return await commit(file);
}

check("openLocalFile reads what the user names, through links", async (folder) => {
  Deno.writeFileSync(`${folder}/a b:c`, pattern(100));
  Deno.symlinkSync("a b:c", `${folder}/link`);
  for (const name of ["a b:c", "link"]) {
    const file = await open(`${folder}/${name}`);
    assert.deepEqual([file.info.name, file.info.sizeBytes], [name, 100]);
    const into = new Uint8Array(100);
    assert.equal(file.read(0, into), 100);
    assert.deepEqual(into, pattern(100));
    file.close();
  }
});

check("openLocalFile says what is wrong", async (folder) => {
  assert.match((await assertRefused("not-a-file", () => open(folder))).message, /is a folder/);
  await assertRefused("not-found", () => open(`${folder}/missing`));
  Deno.writeTextFileSync(`${folder}/a`, "");
  await assertRefused("not-a-file", () => open(`${folder}/a/b`));
  assert(new Deno.Command("mkfifo", { args: [`${folder}/fifo`] }).outputSync().success);
  assert.match((await assertRefused("not-a-file", () => open(`${folder}/fifo`))).message, /FIFO/);
  await assertRefused("not-a-file", () => open("/dev/null"));
  Deno.symlinkSync("itself", `${folder}/itself`);
  await assertRefused("not-a-file", () => open(`${folder}/itself`));
});

check("createLocalFile saves under the name asked for", async (folder) => {
  assert.equal(await save(`${folder}/a.bin`, { bytes: pattern(9) }), `${folder}/a.bin`);
  assert.deepEqual(Deno.readFileSync(`${folder}/a.bin`), pattern(9));
  assert.equal(Deno.statSync(`${folder}/a.bin`).mtime!.getTime(), 1_700_000_000_123);
});

check("createLocalFile never overwrites unasked", async (folder) => {
  const path = `${folder}/a.bin`;
  for (const [index, expected] of ["a.bin", "a.bin_received", "a.bin_received_2", "a.bin_received_3"].entries()) {
    assert.equal(await save(path, { bytes: pattern(9, index) }), `${folder}/${expected}`);
    assert.deepEqual(Deno.readFileSync(`${folder}/${expected}`), pattern(9, index));
  }
  assert.deepEqual(Deno.readFileSync(path), pattern(9, 0));
  assert.equal(names(folder).length, 4);
});

check("createLocalFile decides about the name at the commit", async (folder) => {
  const files = await Promise.all([1, 2, 3].map(async (seed) => {
    const file = await createLocalFile(`${folder}/a`, { sizeBytes: 4, ifExists: "beside", folders });
    file.write(0, pattern(4, seed));
    return file;
  }));
  Deno.symlinkSync("dangling", `${folder}/a`);
  const results = await Promise.all(files.map(commit));
  const places = [`${folder}/a_received`, `${folder}/a_received_2`, `${folder}/a_received_3`];
  assert.deepEqual(results.toSorted(), places);
  for (const [index, place] of results.entries()) {
    assert.deepEqual(Deno.readFileSync(place as string), pattern(4, index + 1));
  }
  assert.equal(Deno.readLinkSync(`${folder}/a`), "dangling");
});

check("a path with U+FFFD is refused, since it may be that of another file", async (folder) => {
  const path = `${folder}/z\ufffd`;
  Deno.writeTextFileSync(path, "another's");
  assert.equal((await assertRefused("bad-name", () => open(path))).message, `"${path}" is not valid UTF-8: rename it`);
  await assertRefused("bad-name", () => save(path, { bytes: pattern(1), ifExists: "replace" }));
  await assertRefused("bad-name", () => save(`${folder}/\ufffd/a`, { bytes: pattern(1) }));
  assert.equal(Deno.readTextFileSync(path), "another's");
});

check("createLocalFile refuses a name that is taken, now or later, when told to", async (folder) => {
  const refusing = () => createLocalFile(`${folder}/a`, { sizeBytes: 0, ifExists: "refuse", folders });
  const [first, second] = [await refusing(), await refusing()];
  assert.equal(await commit(first), `${folder}/a`);
  const result = await commit(second);
  assert(result instanceof StoreError && result.kind === "exists", String(result));
  assert.equal((await assertRefused("exists", refusing)).message, `"${folder}/a" already exists`);
  assert.deepEqual(names(folder), ["a"]);
});

check("createLocalFile overwrites when told to", async (folder) => {
  Deno.writeTextFileSync(`${folder}/a`, "old");
  assert.equal(await save(`${folder}/a`, { bytes: pattern(9), ifExists: "replace" }), `${folder}/a`);
  assert.deepEqual(Deno.readFileSync(`${folder}/a`), pattern(9));
  assert.deepEqual(names(folder), ["a"]);
});

check("createLocalFile refuses what is no place for a file", async (folder) => {
  const create = (path: string, ifExists: IfExists) => () => createLocalFile(path, { sizeBytes: 1, ifExists, folders });
  for (const ifExists of ["beside", "refuse", "replace"] as const) {
    await assertRefused("not-a-file", create(folder, ifExists));
    await assertRefused("not-a-file", create(`${folder}/`, ifExists));
    await assertRefused("not-a-file", create("", ifExists));
    await assertRefused("not-a-file", create(`${folder}/new/`, ifExists));
    assert.match(
      (await assertRefused("not-found", create(`${folder}/missing/a`, ifExists))).message,
      /missing" does not exist; create it first/,
    );
    await assertRefused("bad-name", create(`${folder}/${"x".repeat(256)}`, ifExists));
  }
  Deno.symlinkSync("elsewhere", `${folder}/link`);
  await assertRefused("not-a-file", create(`${folder}/link`, "replace"));
  Deno.writeTextFileSync(`${folder}/file`, "");
  await assertRefused("not-a-file", create(`${folder}/file/a`, "beside"));
  assert.deepEqual(names(folder), ["file", "link"]);
});

check("createLocalFile says that the disk is full", async (folder) => {
  const small = new LocalFolders({ ...nodeDisk, freeBytes: () => Promise.resolve(2 ** 30) });
  const options = { sizeBytes: 2 ** 40, ifExists: "beside" as const, folders: small };
  assert.match(
    (await assertRefused("no-space", () => createLocalFile(`${folder}/a`, options))).message,
    /needs 1\.1 TB, but only 1\.1 GB are usable \(1\.0 MB is kept free\)/,
  );
  assert.deepEqual(names(folder), []);
});

check("createLocalFile removes an aborted file", async (folder) => {
  const file = await createLocalFile(`${folder}/a`, { sizeBytes: 2, ifExists: "beside", folders });
  file.write(0, pattern(2));
  assert.equal(names(folder).length, 1);
  file.abort();
  assert.deepEqual(names(folder), []);
});

Deno.test("createLocalFile chooses another name if the disk considers the name equal to an existing one", async () => {
  const disk = new SimulatedDisk({ foldName: (name) => name.toLowerCase() });
  disk.put("/copies/Report", pattern(3));
  const options = { sizeBytes: 0, ifExists: "beside" as const, folders: new LocalFolders(disk) };
  assert.equal(await commit(await createLocalFile("/copies/report", options)), "/copies/report_received");
  assert.deepEqual(disk.contents("/copies/Report"), pattern(3));
});

Deno.test("createLocalFile does not replace a file of another spelling that the disk takes for the same", async () => {
  const disk = new SimulatedDisk({ foldName: (name) => name.toLowerCase() });
  const create = (path: string) =>
    createLocalFile(path, { sizeBytes: 0, ifExists: "replace", folders: new LocalFolders(disk) });
  disk.put("/copies/Report", pattern(3));
  const error = await assertRefused("bad-name", () => create("/copies/report"));
  assert.match(error.message, /^"\/copies\/report" is to this disk another spelling of "Report"/);
  const files = [await create("/copies/new"), await create("/copies/New")];
  const results = await Promise.all(files.map(commit));
  assert.deepEqual([results[0], results[1] instanceof StoreError && results[1].kind], ["/copies/new", "bad-name"]);
  assert.deepEqual([disk.names("/copies"), disk.contents("/copies/Report")], [["Report", "new"], pattern(3)]);
});

Deno.test("createLocalFile refuses names that Windows would take for something else, where it runs there", async () => {
  const disk = new SimulatedDisk({ nameRules: "windows" });
  disk.put("/copies/a", pattern(3));
  for (const name of ["a:stream", "aux", "a.", "q?"]) {
    const options = { sizeBytes: 0, ifExists: "replace" as const, folders: new LocalFolders(disk) };
    await assertRefused("bad-name", () => createLocalFile(`/copies/${name}`, options));
  }
  assert.deepEqual(disk.names("/copies"), ["a"]);
});

check("openLocalFile says that a folder cannot be sent", async (folder) => {
  const error = await assertRefused("not-a-file", () => open(folder));
  assert.equal(error.message, `"${folder}" is a folder, and folders cannot be sent yet; name its files`);
});
