import assert from "node:assert/strict";
import { refusalFailure, storeFailure } from "../../../transfer/failure.ts";
import { StoreError } from "../../../transfer/file_store.ts";
import { RefusalReason } from "../../../transfer/messages.ts";

Deno.test("refusalFailure adds to the server's cause what the user can do", () => {
  const failures: [reason: RefusalReason, kind: string, message: RegExp][] = [
    [
      RefusalReason.exists,
      "refused",
      /^the server refused: CAUSE; use --force to replace it, or --as for another name$/,
    ],
    [RefusalReason.denied, "refused", /^the server refused: CAUSE; ask the server's administrator$/],
    [RefusalReason.busy, "refused", /^the server refused: CAUSE; try again later$/],
    [RefusalReason.shuttingDown, "refused", /^the server refused: CAUSE; try again later$/],
    [RefusalReason.badName, "refused", /^the server refused: CAUSE; use --as for another name$/],
    [RefusalReason.notFound, "not-found", /^on the server, CAUSE; list its files to see what there is$/],
    [RefusalReason.io, "failed", /^the server failed: CAUSE$/],
  ];
  for (const [reason, kind, message] of failures) {
    const failure = refusalFailure({ reason, message: "CAUSE" });
    assert.equal(failure.kind, kind);
    assert.match(failure.message, message);
  }
});

Deno.test("refusalFailure marks only a busy server as worth another try", () => {
  const transient = Object.values(RefusalReason).filter((reason) =>
    refusalFailure({ reason, message: "" }).isTransient
  );
  assert.deepEqual(transient, [RefusalReason.busy]);
});

Deno.test("storeFailure adds what the user can do about a name", () => {
  const message = (kind: "bad-name" | "exists" | "io") => storeFailure(new StoreError(kind, "CAUSE")).message;
  assert.equal(message("exists"), "CAUSE; use --force to replace it, or --output for another place");
  assert.equal(message("bad-name"), "CAUSE; use --output for another name");
  assert.equal(message("io"), "CAUSE");
});
