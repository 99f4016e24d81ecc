import assert from "node:assert/strict";
import { COMPLETE_COMMAND } from "../../../cli/completion.ts";
import { COMPLETION_SCRIPTS, SHELLS } from "../../../cli/completion_scripts.ts";

Deno.test("each completion script asks the program, for both programs, and fits a terminal", () => {
  for (const shell of SHELLS) {
    const script = COMPLETION_SCRIPTS[shell];
    assert.ok(script.includes(` ${COMPLETE_COMMAND} `), shell);
    assert.match(script, /\bsluice-server\b/);
    assert.doesNotMatch(script, /\\\$|undefined/, "an escape is left in it");
    for (const name of [":files", ":folders", ":none"]) assert.ok(script.includes(name), `${shell} ${name}`);
  }
});
