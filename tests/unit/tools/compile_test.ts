import assert from "node:assert/strict";
import { checksumLine, planBuilds } from "../../../tools/compile.ts";
import { permissionFlags } from "../../../testing/programs/permission_sets.ts";

const config = JSON.parse(Deno.readTextFileSync(new URL("../../../deno.json", import.meta.url)));

Deno.test("planBuilds names the files for this platform and for another", () => {
  const names = (target: string | undefined, isWindowsHost = false) =>
    planBuilds(target, { isWindowsHost }).map((build) => build.fileName);
  assert.deepEqual(names(undefined), ["sluice-server", "sluice"]);
  assert.deepEqual(names(undefined, true), ["sluice-server.exe", "sluice.exe"]);
  assert.deepEqual(names("x86_64-pc-windows-msvc"), [
    "sluice-server-x86_64-pc-windows-msvc.exe",
    "sluice-x86_64-pc-windows-msvc.exe",
  ]);
  assert.deepEqual(names("aarch64-apple-darwin", true), [
    "sluice-server-aarch64-apple-darwin",
    "sluice-aarch64-apple-darwin",
  ]);
});

Deno.test("planBuilds gives an executable the permissions of its task, and deno.json's unstable features", () => {
  const [server, client] = planBuilds(undefined, { isWindowsHost: false });
  for (const [build, set] of [[server!, "server"], [client!, "client"]] as const) {
    const allowed = (args: readonly string[]) => args.filter((arg) => arg.startsWith("--allow-"));
    assert.deepEqual(allowed(build.args), permissionFlags(set));
    assert.ok(build.args.includes("--no-prompt"));
    const onWindows = planBuilds("x86_64-pc-windows-msvc", { isWindowsHost: false }).map(({ args }) => allowed(args));
    assert.deepEqual(onWindows[set === "server" ? 0 : 1], permissionFlags(set, { isWindows: true }));
    for (const feature of config.unstable) assert.ok(build.args.includes(`--unstable-${feature}`));
  }
});

Deno.test("planBuilds puts the commit in front of the arguments of a user", () => {
  const [build] = planBuilds(undefined, { isWindowsHost: false, commit: "0123456789" });
  assert.deepEqual(build!.args.slice(-2), ["server.ts", "--build=0123456789"]);
});

Deno.test("checksumLine is what sha256sum writes", () => {
  const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  assert.equal(checksumLine(new Uint8Array(), "sluice"), `${empty}  sluice\n`);
});
