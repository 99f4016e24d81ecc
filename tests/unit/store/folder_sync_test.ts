import assert from "node:assert/strict";
import { nodeDisk } from "../../../io/node_disk.ts";
import { syncFolder } from "../../../store/folder_sync.ts";

Deno.test("syncFolder syncs a folder, and rejects if it is missing", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "sluice-test-" });
  await syncFolder(nodeDisk, folder);
  Deno.removeSync(folder);
  await assert.rejects(syncFolder(nodeDisk, folder), { code: "ENOENT" });
});
