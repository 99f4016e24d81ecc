import assert from "node:assert/strict";
import { resolveLimits, SERVER_LIMITS } from "../../../../app/server/limits.ts";
import { parseServerArguments } from "../../../../cli/server_arguments.ts";
import * as fixed from "../../../../protocol/limits.ts";
import { FakeContext } from "../../../../testing/cli_fakes.ts";

/** The rows of the tables of a page's section, each with its cells. */
function rowsOf(page: string, heading: string): string[][] {
  const section = page.split(`\n## ${heading}\n`)[1]!.split("\n## ")[0]!;
  return section.split("\n").filter((line) => line.startsWith("|")).map((line) =>
    line.split("|").slice(1, -1).map((cell) => cell.trim())
  );
}

const ROWS = rowsOf(await Deno.readTextFile(new URL("../../../../docs/ARCHITECTURE.md", import.meta.url)), "Limits");

Deno.test("SERVER_LIMITS are the table in ARCHITECTURE.md, word for word", () => {
  const expected = SERVER_LIMITS.map(({ option, default: value, what, stops, then }) => [
    `\`${option.split(" ")[0]}\``,
    `${value}`,
    what,
    stops,
    then,
  ]);
  assert.deepEqual(ROWS.filter(([option]) => option!.startsWith("`--")), expected);
});

Deno.test("limits that nobody sets are in ARCHITECTURE.md, each with its value", () => {
  const documented = new Map(
    ROWS.filter(([name]) => name!.startsWith("`MAX_") || name!.startsWith("`TOKEN_")).map(
      ([name, value]) => [name!.replaceAll("`", ""), Number(value!.replaceAll(",", ""))],
    ),
  );
  const { AMPLIFICATION_FACTOR: _, MAX_CONNECTIONS: _default, ...others } = fixed;
  assert.deepEqual(documented, new Map(Object.entries(others)));
});

Deno.test("SERVER_LIMITS are options of sluice-server, and in its help with their defaults", () => {
  const context = new FakeContext();
  const { console } = context;
  parseServerArguments(["--help-limits"], context);
  const help = console.outLines.join("\n").replaceAll(/\s+/g, " ");
  for (const { name, option, what, default: value, min, max } of SERVER_LIMITS) {
    assert(help.includes(`${option} ${what} (${value})`), name);
    const [flag] = option.split(" ");
    for (const good of [min, max]) {
      const parsed = parseServerArguments([flag!, `${good}`], new FakeContext());
      assert("value" in parsed);
      assert.deepEqual(parsed.value.serving.limits, { [name]: good });
    }
    for (const bad of [min - 1, max + 1]) {
      assert.deepEqual(parseServerArguments([flag!, `${bad}`], new FakeContext()), { exitCode: 2 }, name);
    }
  }
});

Deno.test("SERVER_LIMITS have a default each that is allowed, and a name of its own", () => {
  assert.equal(new Set(SERVER_LIMITS.map(({ name }) => name)).size, SERVER_LIMITS.length);
  for (const { name, default: value, min, max } of SERVER_LIMITS) {
    assert(Number.isSafeInteger(value) && value >= min && value <= max, name);
  }
});

Deno.test("resolveLimits uses the given limits, and defaults for the rest", () => {
  const limits = resolveLimits({ maxLists: 5 });
  assert.equal(limits.maxLists, 5);
  assert.deepEqual(Object.keys(limits).sort(), SERVER_LIMITS.map(({ name }) => name).sort());
  assert.equal(resolveLimits().maxConnections, 4096);
});
