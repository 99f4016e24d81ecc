import assert from "node:assert/strict";
import { closestTo, didYouMean } from "../../../cli/suggestions.ts";

Deno.test("closestTo finds the word with a letter wrong, missing, too many or swapped, and no other", () => {
  const words = ["send", "get", "list", "mkdir", "completion"];
  const found: [string, string | undefined][] = [
    ["sned", "send"],
    ["snd", "send"],
    ["sennd", "send"],
    ["SEND", "send"],
    ["lsit", "list"],
    ["mkdri", "mkdir"],
    ["completino", "completion"],
    ["compeltoin", "completion"],
    ["report.pdf", undefined],
    ["gt", "get"],
    ["x", undefined],
    ["", undefined],
  ];
  for (const [typed, closest] of found) assert.equal(closestTo(typed, words), closest, typed);
  assert.equal(closestTo("a", []), undefined);
});

Deno.test("didYouMean is the end of a sentence, or nothing", () => {
  assert.equal(didYouMean("sned", ["send"]), " (did you mean send?)");
  assert.equal(didYouMean("sned", ["get"]), "");
});
