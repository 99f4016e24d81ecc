import assert from "node:assert/strict";
import { referencePages } from "../../../../tools/reference/model.ts";
import { markdownOf } from "../../../../tools/reference/markdown.ts";

Deno.test("docs/REFERENCE.md is what the programs say of themselves (deno task reference writes it)", () => {
  const page = Deno.readTextFileSync(new URL("../../../../docs/REFERENCE.md", import.meta.url));
  assert.equal(page, markdownOf(referencePages()));
});

Deno.test("markdownOf escapes what would be a mark, and shows settings where there are any", () => {
  const entry = { flags: "-x, --ex <a|b>", description: "a|b *c* <d>", setting: undefined };
  const page = {
    name: "p q",
    aliases: ["r"],
    usage: "p q [options]",
    description: "does it",
    arguments: [],
    options: [{ ...entry, setting: { variable: "SLUICE_Q_EX", table: "q", key: "ex" } }],
    limits: [],
    commands: [entry],
    notes: ["Examples:"],
  };
  const text = markdownOf([page]);
  assert.ok(text.includes("## p q\n\nDoes it.\n\n```\np q [options]\n```\n\nAlso: `r`.\n"));
  assert.ok(text.includes("| command | meaning |\n| --- | --- |\n| `-x, --ex <a\\|b>` | a\\|b \\*c\\* \\<d\\> |\n"));
  assert.ok(text.includes("| `SLUICE_Q_EX` `q.ex` |\n"));
  assert.ok(text.endsWith("```\nExamples:\n```\n"));
});
