import assert from "node:assert/strict";
import { manFileOf, manPageOf } from "../../../../tools/reference/man.ts";
import { referencePages } from "../../../../tools/reference/model.ts";

const PAGES = referencePages();

Deno.test("manPageOf writes requests of man(7), and keeps text from being taken for one", () => {
  const page = {
    ...PAGES[1]!,
    name: "p q",
    description: "does it.",
    options: [{ flags: "--a-b", description: ".x\\y", setting: undefined }],
    notes: ["'quoted'", "  ~/x"],
  };
  const text = manPageOf(page, { version: "1.2.3", others: [page, PAGES[0]!] });
  assert.equal(manFileOf(page), "p-q.1");
  assert.ok(text.startsWith('.TH P\\-Q 1 "" "Sluice 1.2.3" "Sluice"\n.SH NAME\np\\-q \\- does it\n'));
  assert.ok(text.includes(".TP\n.B \\-\\-a\\-b\n\\&.x\\ey\n"));
  assert.ok(text.includes(".nf\n\\&'quoted'\n  ~/x\n.fi\n"));
  assert.ok(text.endsWith(".SH SEE ALSO\n.BR sluice (1)\n"));
});

Deno.test("man renders every page without a warning, where there is man", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sluice-test-" });
  try {
    for (const page of PAGES) {
      const file = `${folder}/${manFileOf(page)}`;
      const text = manPageOf(page, { version: "1.2.3", others: PAGES });
      // Known requests alone begin with a dot.
      const requests = text.split("\n").filter((line) => line.startsWith(".")).map((line) => line.split(" ")[0]);
      assert.deepEqual(requests.filter((name) => !/^\.(?:TH|SH|TP|B|BR|br|nf|fi)$/.test(name!)), []);
      await Deno.writeTextFile(file, text);
      const groff = new Deno.Command("groff", { args: ["-man", "-Tutf8", "-P-cbu", "-ww", file] });
      const output = await groff.output().catch(() => undefined);
      if (output === undefined) continue;
      assert.equal(new TextDecoder().decode(output.stderr), "", page.name);
      const shown = new TextDecoder().decode(output.stdout);
      assert.match(shown, /^NAME$.*^SYNOPSIS$.*^SEE ALSO$/sm);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
