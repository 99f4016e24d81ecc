import assert from "node:assert/strict";
import path from "node:path";
import { permissionFlags } from "../../../testing/programs/permission_sets.ts";
import { commandScript, DENO_VERSION, LAUNCHER, packageJson } from "../../../tools/package.ts";

const ROOT = path.join(import.meta.dirname!, "..", "..", "..");
const { unstable, version } = JSON.parse(Deno.readTextFileSync(path.join(ROOT, "deno.json")));

Deno.test("packageJson has deno.json's version, both commands, and the Deno that is tested", () => {
  const json = packageJson({ man: ["sluice.1"] });
  assert.equal(json.version, version);
  assert.deepEqual(json.bin, {
    "sluice": "sluice.cjs",
    "sluice-server": "sluice-server.cjs",
    "sluice-transfer": "sluice.cjs",
  });
  assert.deepEqual(json.man, ["man/sluice.1"]);
  assert.ok(Deno.readTextFileSync(path.join(ROOT, ".ci", "run")).includes(`deno@${json.dependencies.deno} `));
  const workflow = Deno.readTextFileSync(path.join(ROOT, ".github", "workflows", "release.yml"));
  assert.ok(workflow.includes(`deno-version: v${DENO_VERSION}\n`));
});

Deno.test("the launcher grants the permissions of the task, passes arguments on, and ends as the program does", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sluice-test-" });
  try {
    // In place of Deno, a program that prints its arguments, and ends as the last one says.
    await Deno.mkdir(path.join(folder, "node_modules", "deno"), { recursive: true });
    await Deno.writeTextFile(
      path.join(folder, "node_modules", "deno", "install_api.cjs"),
      `exports.runInstall = () => require("node:path").join(__dirname, "deno.cjs");`,
    );
    await Deno.writeTextFile(
      path.join(folder, "node_modules", "deno", "deno.cjs"),
      `#!/usr/bin/env node
const args = process.argv.slice(2);
const last = args.at(-1);
if (last === "wait") process.on("SIGTERM", () => process.exit(5));
console.log(JSON.stringify(args));
if (last === "wait") setInterval(() => {}, 1000);
else if (last === "die") process.kill(process.pid, "SIGKILL");
else process.exit(Number(last));
`,
      { mode: 0o755 },
    );
    await Deno.writeTextFile(path.join(folder, "launch.cjs"), LAUNCHER);
    await Deno.writeTextFile(path.join(folder, "sluice.cjs"), commandScript({ set: "client" }, "0123456789"));
    const start = (...args: string[]) =>
      new Deno.Command("node", { args: [path.join(folder, "sluice.cjs"), ...args], stdout: "piped", stdin: "null" })
        .spawn();
    if (Deno.build.os === "windows") return;
    const { code, stdout } = await start("a b", "7").output();
    assert.equal(code, 7);
    const args = JSON.parse(new TextDecoder().decode(stdout)) as string[];
    assert.deepEqual(args.filter((arg) => arg.startsWith("--allow-")), permissionFlags("client"));
    assert.deepEqual(args.slice(-4), [path.join(folder, "client.mjs"), "--build=0123456789", "a b", "7"]);
    for (const feature of unstable) assert.ok(args.includes(`--unstable-${feature}`));
    assert.equal((await start("die").output()).signal, "SIGKILL");
    const waiting = start("wait");
    const reader = waiting.stdout.getReader();
    await reader.read();
    waiting.kill("SIGTERM");
    assert.equal((await waiting.status).code, 5);
    await reader.cancel();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
