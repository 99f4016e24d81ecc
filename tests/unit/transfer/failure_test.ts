import assert from "node:assert/strict";
import { type CloseReason, TransportErrorCode } from "../../../protocol/mod.ts";
import { closeFailure, refusalFailure, resetFailure, type Retry, storeFailure } from "../../../transfer/failure.ts";
import { StoreError } from "../../../transfer/file_store.ts";
import { ApplicationErrorCode } from "../../../transfer/application_error.ts";
import { RefusalReason } from "../../../transfer/messages.ts";

Deno.test("refusalFailure adds to the server's cause what the user can do", () => {
  const failures: [reason: RefusalReason, kind: string, message: RegExp][] = [
    [
      RefusalReason.exists,
      "refused",
      /^the server refused: CAUSE; use --force to replace it, or --as for another name$/,
    ],
    [RefusalReason.denied, "refused", /^the server refused: CAUSE; ask the server's administrator$/],
    [RefusalReason.busy, "refused", /^the server refused: CAUSE$/],
    [RefusalReason.badName, "refused", /^the server refused: CAUSE; use --as for another name$/],
    [RefusalReason.notFound, "not-found", /^CAUSE on the server \(see "sluice list"\)$/],
    [RefusalReason.io, "failed", /^the server failed: CAUSE$/],
    [RefusalReason.changed, "failed", /^the server gave up: CAUSE$/],
  ];
  for (const [reason, kind, message] of failures) {
    const failure = refusalFailure({ reason, message: "CAUSE" });
    assert.equal(failure.kind, kind);
    assert.match(failure.message, message);
  }
});

Deno.test("refusalFailure says that only a server that is busy or about to stop is worth another try", () => {
  const reasons = Object.values(RefusalReason);
  const failures = reasons.map((reason) => refusalFailure({ reason, message: "" }));
  const later = reasons.filter((_, index) => failures[index]!.retry !== undefined);
  assert.deepEqual(later, [RefusalReason.busy, RefusalReason.shuttingDown]);
  assert(later.every((reason) => refusalFailure({ reason, message: "" }).retry === "later"));
  assert.equal(refusalFailure({ reason: RefusalReason.exists, message: "" }).refusal, RefusalReason.exists);
});

Deno.test("resetFailure says that a transfer which stalled, or met a server that is busy, is worth another try", () => {
  const codes = Object.entries(ApplicationErrorCode);
  const later = codes.filter(([, code]) => resetFailure(code, "the transfer").retry === "later");
  assert.deepEqual(later.map(([name]) => name), ["shuttingDown", "stalled", "busy"]);
  assert.match(resetFailure(ApplicationErrorCode.storeFailed, "the list").message, /^the server gave up the list: /);
});

Deno.test("closeFailure says which ends of a connection another connection can mend", () => {
  const peer = (isApplication: boolean, code: number): CloseReason => ({
    kind: "peer",
    isApplication,
    code,
    reason: "R",
  });
  const key = new Uint8Array(32);
  const cases: readonly (readonly [CloseReason, kind: string, retry: Retry | undefined])[] = [
    [{ kind: "idle-timeout" }, "failed", "reconnect"],
    [{ kind: "reset" }, "failed", "reconnect"],
    [{ kind: "handshake-timeout" }, "unreachable", "reconnect"],
    [peer(true, ApplicationErrorCode.shuttingDown), "failed", "reconnect"],
    [peer(true, ApplicationErrorCode.busy), "refused", "reconnect"],
    [peer(false, TransportErrorCode.unavailable), "refused", "reconnect"],
    [peer(false, TransportErrorCode.noError), "failed", "reconnect"],
    [peer(false, TransportErrorCode.connectionRefused), "refused", undefined],
    [peer(true, ApplicationErrorCode.forbidden), "refused", undefined],
    [peer(false, TransportErrorCode.protocolViolation), "failed", undefined],
    [{ kind: "violation", code: TransportErrorCode.protocolViolation, reason: "" }, "failed", undefined],
    [{ kind: "local", code: 0, reason: "" }, "failed", undefined],
    [{ kind: "server-key", expected: key, actual: key }, "failed", undefined],
    [{ kind: "version", supported: [] }, "unreachable", undefined],
  ];
  for (const [reason, kind, retry] of cases) {
    const failure = closeFailure(reason);
    assert.deepEqual([failure.kind, failure.retry], [kind, retry], JSON.stringify(reason));
  }
});

Deno.test("storeFailure adds what the user can do about a name", () => {
  const message = (kind: "bad-name" | "exists" | "io") => storeFailure(new StoreError(kind, "CAUSE")).message;
  assert.equal(message("exists"), "CAUSE; use --force to replace it, or --output for another place");
  assert.equal(message("bad-name"), "CAUSE; use --output for another name");
  assert.equal(message("io"), "CAUSE");
});
