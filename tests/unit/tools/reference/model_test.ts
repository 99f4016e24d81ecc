import assert from "node:assert/strict";
import { SERVER_LIMITS } from "../../../../app/server/limits.ts";
import { referencePages } from "../../../../tools/reference/model.ts";

Deno.test("referencePages has a page for each program and command, with all that it takes", () => {
  const pages = new Map(referencePages().map((page) => [page.name, page]));
  for (const name of ["sluice", "sluice send", "sluice get", "sluice rm", "sluice hosts forget", "sluice-server"]) {
    assert.ok(pages.has(name), name);
  }
  const send = pages.get("sluice send")!;
  assert.equal(send.usage, "sluice send [options] <file...>");
  assert.deepEqual(send.aliases, ["put"]);
  assert.deepEqual(send.arguments.map(({ flags }) => flags), ["FILE..."]);
  const update = send.options.find(({ flags }) => flags === "-u, --update")!;
  assert.deepEqual(update.setting, { variable: "SLUICE_SEND_UPDATE", table: "send", key: "update" });
  assert.match(send.notes.join("\n"), /^Examples:\n {2}sluice send /);
  const server = pages.get("sluice-server")!;
  assert.equal(server.limits.length, SERVER_LIMITS.length);
  assert.match(server.options.find(({ flags }) => flags === "--port <port>")!.description, /\(default: 65432\)$/);
  assert.equal(server.options.find(({ flags }) => flags.startsWith("--help-limits"))!.setting, undefined);
});
