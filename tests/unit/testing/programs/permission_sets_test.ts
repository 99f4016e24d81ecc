import assert from "node:assert/strict";
import { permissionFlags } from "../../../../testing/programs/permission_sets.ts";

Deno.test("permissionFlags names the whole disk by a path that can be taken away, but on Windows, which has drives", () => {
  for (const set of ["client", "server"] as const) {
    const flags = permissionFlags(set);
    for (const flag of ["--allow-net", "--allow-read=/", "--allow-write=/", "--allow-ffi", "--allow-sys=statfs"]) {
      assert.ok(flags.includes(flag), flag);
    }
    assert.match(flags.join(" "), /--allow-env=SLUICE_\*,\S*\bHOME\b/);
    const onWindows = flags.filter((flag) => flag !== "--allow-ffi").map((flag) => flag.replace(/=\/$/, ""));
    assert.deepEqual(permissionFlags(set, { isWindows: true }), onWindows);
  }
});
