import assert from "node:assert/strict";
import { SluiceError } from "../../../app/api.ts";
import { Config } from "../../../cli/config.ts";

const read = (text: string) => new Config({ path: "f", text, home: "/me" });

function assertFails(run: () => unknown, message: RegExp): void {
  assert.throws(run, (error) => error instanceof SluiceError && error.kind === "usage" && message.test(error.message));
}

Deno.test("Config gives values at the top and in the table of a command", () => {
  const config = read('timeout = 5\n[send]\nupdate = true\n"as" = "x"\n');
  assert.equal(config.value(undefined, "timeout"), 5);
  assert.equal(config.value("send", "update"), true);
  assert.equal(config.value("get", "update"), undefined);
  assert.deepEqual(config.keys, ["timeout", "send"]);
  assert.equal(config.location(["send", "as"]), "f, line 4: send.as");
  assert.equal(config.location(["timeout"]), "f, line 1: timeout");
});

Deno.test("Config names the line of what is no TOML", () => {
  assertFails(() => read("a = 1\nb = = 2\n"), /^f, line 2: ./);
});

Deno.test("Config.checkKeys names the line of a key that is unknown, and a known one that is close", () => {
  const known = new Map([["", ["timeout"]], ["send", ["update"]]]);
  read("timeout = 1\n[send]\nupdate = true\n[servers.a1]\n").checkKeys(known);
  assertFails(() => read("\ntimeuot = 1\n").checkKeys(known), /^f, line 2: timeuot: .*did you mean timeout\?/);
  assertFails(() => read("[send]\nupdat = 1").checkKeys(known), /^f, line 2: send\.updat: .*did you mean update\?/);
  assertFails(() => read("[sned]").checkKeys(known), /^f, line 1: sned: .*did you mean send\?/);
  assertFails(() => read("send = 1").checkKeys(known), /^f, line 1: send: it must be a table/);
});

Deno.test("Config.server reads named servers, and says what is wrong with one", () => {
  const good = read('[servers.work]\naddress = "h:7"\ntoken-file = "~/t"\n[servers]\nhome = { address = "[::1]" }\n');
  assert.deepEqual(good.server("work"), { host: "h", port: 7, key: undefined, tokenFile: "/me/t" });
  assert.equal(good.server("home")?.host, "::1");
  assert.equal(good.server("other"), undefined);
  assert.equal(good.server("constructor"), undefined);
  assert.deepEqual(good.serverNames, ["work", "home"]);
  const bad: [string, RegExp][] = [
    ["", /^f, line 1: servers\.work: its address is missing/],
    ['address = "a/b"', /^f, line 2: servers\.work\.address: "a\/b": /],
    ["address = 7", /^f, line 2: servers\.work\.address: it must be a string/],
    ['address = "h"\nkey = "abc"', /^f, line 3: servers\.work\.key: a key is the 43 characters/],
    ['adress = "h"', /^f, line 2: servers\.work\.adress: .*did you mean address\?/],
  ];
  for (const [text, message] of bad) assertFails(() => read(`[servers.work]\n${text}`).server("work"), message);
  assertFails(() => read('[servers.a]\naddress = "h"').server("a"), /two characters or more/);
  assertFails(() => read("[servers]\nwork = 1").server("work"), /^f, line 2: servers\.work: it must be a table/);
});
