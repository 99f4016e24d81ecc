import assert from "node:assert/strict";
import { createClientProgram } from "../../../cli/client_arguments.ts";
import { createServerProgram } from "../../../cli/server_arguments.ts";
import { settingKeys, variableOf } from "../../../cli/settings.ts";
import { FakeContext } from "../../../testing/cli_fakes.ts";

Deno.test("variableOf names a variable for each option, and none twice", () => {
  assert.equal(variableOf(undefined, "retry-for"), "SLUICE_RETRY_FOR");
  assert.equal(variableOf("send", "dry-run"), "SLUICE_SEND_DRY_RUN");
  const context = new FakeContext();
  const client = settingKeys(createClientProgram(context, () => {}));
  const server = settingKeys(createServerProgram({ name: "sluice-server", context }, () => {}), "serve");
  const variables = [...client, ...server].flatMap(([table, keys]) =>
    keys.map((key) => variableOf(table === "" ? undefined : table, key))
  );
  assert.deepEqual(variables.filter((name, index) => variables.indexOf(name) !== index), []);
  for (const name of ["SLUICE_SERVER", "SLUICE_COMPRESS", "SLUICE_RM_RECURSIVE", "SLUICE_SERVE_MAX_LISTS"]) {
    assert.ok(variables.includes(name), name);
  }
  // This one names the file itself.
  assert.ok(!variables.includes("SLUICE_CONFIG"));
});
