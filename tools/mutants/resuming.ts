/**
 * Mistakes in resuming: what is told of a file of which a part is there, what is believed of that, and what is kept.
 *
 * @module
 */

import type { Mutant } from "./mutant.ts";

/** See the module's description. */
export const RESUMING_MUTANTS: readonly Mutant[] = [
  {
    id: "hash-not-compared",
    broken: "A block that the receiver has told of counts as the same, whatever its hash",
    file: "transfer/content_sender.ts",
    text: "own.every((byte, index) => byte === told[index])",
    becomes: "told.length > 0 && own.length > 0",
  },
  {
    id: "same-untold",
    broken: "A peer makes bytes a part of its file whose hashes it was never told",
    file: "transfer/file_receiver.ts",
    text: "!ranges.every((range) => this.#held?.hasTold(range))",
    becomes: "false",
  },
  {
    id: "same-within-block",
    broken: "A part of a block counts as told",
    file: "transfer/held_blocks.ts",
    text: "offset % blockBytes === 0 && ",
    becomes: "",
  },
  {
    id: "have-unbounded",
    broken: "A receiver that claims to hold more than the file has is waited for without end",
    file: "transfer/content_sender.ts",
    text: "Math.min(have.heldBytes, this.sizeBytes)",
    becomes: "have.heldBytes",
  },
  {
    id: "hashes-unbounded",
    broken: "A receiver sends hashes without end",
    file: "transfer/content_sender.ts",
    text: "return this.#toldCount <= Math.ceil(heldBytes / blockBytes);",
    becomes: "return heldBytes >= 0 && blockBytes > 0;",
  },
  {
    id: "hashes-unacknowledged",
    broken: "All hashes of a file wait in memory for a peer that acknowledges nothing",
    file: "transfer/held_blocks.ts",
    text: " &&\n      this.#writtenBytes - this.#stream.ackedBytes < MAX_UNACKED_BYTES",
    becomes: "",
  },
  {
    id: "interrupted-removed",
    broken: "What had arrived is removed when the connection is lost",
    file: "transfer/file_receiver.ts",
    text: "this.#isKept = this.#file.keep();",
    becomes: "this.#file.abort();",
    caughtBy: "tests/unit/transfer/content_sender_test.ts",
  },
  {
    id: "part-not-mentioned",
    broken: "A server receives all of a file although it has a part of it",
    file: "transfer/server/request_runner.ts",
    text: "file.heldBytes > 0 && request.resumable !== true",
    becomes: "file.heldBytes > file.heldBytes",
    caughtBy: "tests/unit/transfer/content_sender_test.ts",
  },
  {
    id: "part-mentioned-again",
    broken: "A client and a server that has a part of its file go round in circles",
    file: "transfer/client/put.ts",
    text: " && !this.#waitsForHave) return this.#resume();",
    becomes: ") return this.#resume();",
    caughtBy: "tests/unit/transfer/client/session_test.ts",
  },
  {
    id: "taken-over-by-another",
    broken: "A client ends the upload of another one",
    file: "transfer/server/resumable_puts.ts",
    text: "JSON.stringify([purpose, name,",
    becomes: "JSON.stringify([purpose.length, name,",
  },
  {
    id: "taken-over-by-itself",
    broken: "A client that sends a file twice at once ends its own first upload",
    file: "transfer/server/resumable_puts.ts",
    text: " && found.owner !== owner",
    becomes: "",
  },
  {
    id: "open-server-knows-nobody",
    broken: "A client of an open server continues, and ends, the uploads of all others",
    file: "app/server/authorizer.ts",
    text: "`address ${connection.remote.source}`",
    becomes: '"anyone"',
  },
];
