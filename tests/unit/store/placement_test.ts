import assert from "node:assert/strict";
import {
  type Link,
  placeExclusively,
  placeReplacing,
  removeQuietly,
  requireReplaceable,
} from "../../../store/placement.ts";
import { assertRefused } from "../transfer/file_store_compliance.ts";

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

function failingLink(code: string): Link {
  return () => Promise.reject(Object.assign(new Error(code), { code }));
}

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map((entry) => entry.name).toSorted();
}

// With hard links, and on a disk that has none (as FAT reports it, and as some network file systems do).
for (
  const [label, options] of [["", {}], [" without hard links", { link: failingLink("EPERM") }], [
    " where there are no hard links",
    { link: failingLink("ENOTSUP") },
  ]] as const
) {
  check(`placeExclusively gives a free name${label}`, async (folder) => {
    Deno.writeTextFileSync(`${folder}/temporary`, "new");
    assert.equal(await placeExclusively(`${folder}/temporary`, `${folder}/a`, options), true);
    assert.deepEqual(names(folder), ["a"]);
    assert.equal(Deno.readTextFileSync(`${folder}/a`), "new");
  });

  check(`placeExclusively leaves a taken name alone${label}`, async (folder) => {
    Deno.writeTextFileSync(`${folder}/temporary`, "new");
    Deno.writeTextFileSync(`${folder}/a`, "old");
    assert.equal(await placeExclusively(`${folder}/temporary`, `${folder}/a`, options), false);
    assert.deepEqual(names(folder), ["a", "temporary"]);
    assert.equal(Deno.readTextFileSync(`${folder}/a`), "old");
  });

  check(`placeExclusively lets one of many win${label}`, async (folder) => {
    const contenders = Array.from({ length: 8 }, (_, index) => `${folder}/temporary-${index}`);
    for (const contender of contenders) Deno.writeTextFileSync(contender, contender);
    const won = await Promise.all(contenders.map((contender) => placeExclusively(contender, `${folder}/a`, options)));
    assert.equal(won.filter(Boolean).length, 1);
    assert.equal(Deno.readTextFileSync(`${folder}/a`), contenders[won.indexOf(true)]);
  });

  check(`placeExclusively leaves no empty file when its own is gone${label}`, async (folder) => {
    await assert.rejects(placeExclusively(`${folder}/gone`, `${folder}/a`, options));
    assert.deepEqual(names(folder), []);
  });
}

check("placeExclusively passes on what is wrong with the disk", async (folder) => {
  Deno.writeTextFileSync(`${folder}/temporary`, "new");
  const placing = placeExclusively(`${folder}/temporary`, `${folder}/a`, { link: failingLink("EIO") });
  await assert.rejects(placing, { code: "EIO" });
  assert.deepEqual(names(folder), ["temporary"]);
});

check("placeReplacing takes the name from a file", async (folder) => {
  Deno.writeTextFileSync(`${folder}/temporary`, "new");
  Deno.writeTextFileSync(`${folder}/a`, "old");
  await placeReplacing(`${folder}/temporary`, `${folder}/a`);
  assert.deepEqual([names(folder), Deno.readTextFileSync(`${folder}/a`)], [["a"], "new"]);
});

check("requireReplaceable refuses a taken name, and what is no file", (folder) => {
  Deno.writeTextFileSync(`${folder}/file`, "");
  Deno.mkdirSync(`${folder}/folder`);
  const subject = '"x"';
  requireReplaceable(`${folder}/free`, { overwrite: false, subject });
  requireReplaceable(`${folder}/file`, { overwrite: true, subject });
  assertRefused("exists", () => requireReplaceable(`${folder}/file`, { overwrite: false, subject }));
  assertRefused("not-a-file", () => requireReplaceable(`${folder}/folder`, { overwrite: true, subject }));
});

check("removeQuietly removes, and minds nothing", (folder) => {
  Deno.writeTextFileSync(`${folder}/a`, "");
  removeQuietly(`${folder}/a`);
  removeQuietly(`${folder}/a`);
  assert.deepEqual(names(folder), []);
});
