import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

/** The permissions of the task of a program. */
const OF_TASK = ["--allow-net", "--allow-read=/", "--allow-write=/", "--allow-ffi", "--allow-env"];

/** Runs a script in a process of its own with these permissions; returns what it prints. */
async function runWith(permissions: readonly string[], script: string): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "sluice-test-" });
  try {
    await Deno.writeTextFile(`${folder}/script.ts`, script);
    const config = fileURLToPath(new URL("../../../deno.json", import.meta.url));
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "--no-prompt", "--config", config, ...permissions, `${folder}/script.ts`],
      env: { NO_COLOR: "1" },
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout).trim();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const urlOf = (module: string) => JSON.stringify(new URL(`../../../${module}`, import.meta.url).href);

const LOAD = `
let loaded = "loaded";
try { Deno.dlopen("libc.so.6", {}); } catch (error) { loaded = error.name; }
console.log(loaded === "NotCapable" ? "denied" : "permitted");`;

Deno.test("revokeLibraries gives up to load libraries, but not of a program with all permissions", async () => {
  const script = `import { revokeLibraries } from ${urlOf("io/permissions.ts")}; revokeLibraries(); ${LOAD}`;
  assert.equal(await runWith(OF_TASK, script), "denied");
  assert.equal(await runWith([], script), "denied");
  assert.equal(await runWith(["--allow-all"], script), "permitted");
});

Deno.test("systemContext loads what it needs, and leaves a program that can load nothing more", async () => {
  const script = `
import { systemContext } from ${urlOf("cli/system.ts")};
import { nodeDisk } from ${urlOf("io/node_disk.ts")};
systemContext();
${LOAD}
await nodeDisk.symlink("x", import.meta.dirname + "/link");
console.log(await nodeDisk.readlink(import.meta.dirname + "/link"));`;
  if (Deno.build.os === "windows") return;
  assert.equal(await runWith(OF_TASK, script), "denied\nx");
});
