/**
 * Mistakes where it is bounded what others can make a server do.
 *
 * @module
 */

import type { Mutant } from "./mutant.ts";

const ADMISSION = "tests/unit/protocol/endpoint/admission_test.ts";
const SLOTS = "tests/unit/base/fair_slots_test.ts";
const BUCKET = "tests/unit/base/token_bucket_test.ts";
const SOURCE = "tests/unit/base/source_address_test.ts";
const STALL = "tests/unit/transfer/stall_watch_test.ts";
const SESSION = "tests/unit/transfer/server/session_test.ts";
const WORK = "tests/unit/transfer/server/work_test.ts";
const TURNS = "tests/unit/transfer/server/turns_test.ts";
const MEMORY = "tests/unit/app/server/memory_budget_test.ts";
const DROP_REPORT = "tests/unit/app/server/drop_report_test.ts";
const LINE_LIMIT = "tests/unit/cli/log_rate_limit_test.ts";

/** See the module's description. */
export const LIMIT_MUTANTS: readonly Mutant[] = [
  {
    id: "strangers-by-address",
    broken: "Strangers are counted with those who have proven their address, so that a forger locks them out",
    file: "protocol/endpoint/admission.ts",
    text: "if (!isProven) {\n      if",
    becomes: "if (!isProven && this.#provenEach.size < 0) {\n      if",
    caughtBy: [ADMISSION],
  },
  {
    id: "cheap-answers-to-one",
    broken: "One machine may take all cheap answers",
    file: "protocol/endpoint/admission.ts",
    text: "return isFair && this.#cheap.take(nowUs)",
    becomes: "return (isFair || true) && this.#cheap.take(nowUs)",
    caughtBy: [ADMISSION],
  },
  {
    id: "drop-costs-a-turn",
    broken: "Who is dropped because all are busy has lost a turn of his own",
    file: "protocol/endpoint/admission.ts",
    text: "    own.putBack();\n",
    becomes: "",
    caughtBy: [ADMISSION],
  },
  {
    id: "sources-for-ever",
    broken: "Every source that began a handshake is remembered for ever",
    file: "protocol/endpoint/admission.ts",
    text: "if (this.#provenEach.size > MAX_REMEMBERED_SOURCES) {",
    becomes: "if (this.#provenEach.size > 1e9) {",
    caughtBy: [ADMISSION],
  },
  {
    id: "place-never-back",
    broken: "A connection that has ended keeps its place",
    file: "protocol/endpoint/endpoint.ts",
    text: "this.#admission.release(connection.localId);",
    becomes: "",
    caughtBy: ["tests/connection/handshake_test.ts", "tests/connection/admission_test.ts"],
  },
  {
    id: "share-of-all",
    broken: "A source may have a quarter of all places, not of those that are free",
    file: "base/fair_slots.ts",
    text: "SHARE_OF_FREE * (this.max - this.#count)",
    becomes: "SHARE_OF_FREE * this.max",
    caughtBy: [SLOTS],
  },
  {
    id: "bucket-overflows",
    broken: "A quiet night lets a flood through in the morning: a bucket holds more than its burst",
    file: "base/token_bucket.ts",
    text: "Math.min(this.#burst, this.#tokens[index]! + accrued)",
    becomes: "this.#tokens[index]! + accrued",
    caughtBy: [BUCKET],
  },
  {
    id: "sixty-four-sources",
    broken: "Each address of a /64 is a source of its own",
    file: "base/source_address.ts",
    text: "const IPV6_NETWORK_GROUPS = 4;",
    becomes: "const IPV6_NETWORK_GROUPS = 8;",
    caughtBy: [SOURCE],
  },
  {
    id: "mapped-address",
    broken: "All IPv4 addresses that are written as IPv6 are one source",
    file: "base/source_address.ts",
    text: "if (isMapped) return",
    becomes: "if (isMapped && groups.length > 8) return",
    caughtBy: [SOURCE],
  },
  {
    id: "stalled-unheard",
    broken: "Time in which a peer cannot be heard counts against its transfers",
    file: "transfer/stall_watch.ts",
    text: "if (wasHeard) this.#quietSteps++;",
    becomes: "this.#quietSteps += wasHeard ? 1 : 1;",
    caughtBy: [STALL],
  },
  {
    id: "drip-is-progress",
    broken: "A byte at times keeps a transfer's place for ever",
    file: "transfer/stall_watch.ts",
    text: "movedBytes - this.#movedBytes >= MIN_MOVED_BYTES",
    becomes: "movedBytes > this.#movedBytes",
    caughtBy: [STALL],
  },
  {
    id: "slow-disk-is-a-stall",
    broken: "A client that has all of a file, and whose disk is slow, is taken for one that stands still",
    file: "transfer/server/get.ts",
    text: "return !this.#delivered;",
    becomes: "return !this.#ended;",
    caughtBy: [SESSION],
  },
  {
    id: "work-never-ends",
    broken: "A transfer that was refused by the store counts for ever",
    file: "transfer/server/session.ts",
    text: "this.#handlers.delete(stream);\n    this.released(stream);",
    becomes: "this.#handlers.delete(stream);",
    caughtBy: [SESSION],
  },
  {
    id: "old-list",
    broken: "A list is given again for ever",
    file: "transfer/server/work.ts",
    text: "startUs < kept.untilUs",
    becomes: "startUs >= 0",
    caughtBy: [WORK],
  },
  {
    id: "memory-of-the-modest",
    broken: "When memory is short, who takes little must go as well",
    file: "app/server/memory_budget.ts",
    text: "Math.max(fairBytes, this.#maxBytes - this.#usedBytes)",
    becomes: "Math.max(0, this.#maxBytes - this.#usedBytes)",
    caughtBy: [MEMORY],
  },
  {
    id: "blocks-uncounted",
    broken: "A byte in a block of 4 KiB is counted as a byte of memory",
    file: "protocol/streams/assembler.ts",
    text: "return blocks * BLOCK_BYTES + ",
    becomes: "return blocks * 0 + this.#bufferedBytes + ",
    caughtBy: ["tests/unit/protocol/streams/assembler_test.ts"],
  },
  {
    id: "drops-told-at-once",
    broken: "A flood of datagrams that are dropped is a flood of lines about them",
    file: "app/server/drop_report.ts",
    text: "this.#mayTellUs = this.#platform.nowUs() + REPORT_EVERY_US;",
    becomes: "",
    caughtBy: [DROP_REPORT],
  },
  {
    id: "drops-told-twice",
    broken: "What was dropped is told again with what is dropped next",
    file: "protocol/drops.ts",
    text: "this.#counts.clear();",
    becomes: "",
    caughtBy: ["tests/unit/protocol/drops_test.ts", DROP_REPORT],
  },
  {
    id: "late-is-told",
    broken: "Every connection that ends makes a line about datagrams that were dropped",
    file: "app/server/drop_report.ts",
    text: 'if (reason === "late") return;',
    becomes: "",
    caughtBy: [DROP_REPORT],
  },
  {
    id: "files-hidden",
    broken: "A flood of connections hides from the log what became of files",
    file: "cli/log_rate_limit.ts",
    text: '"sending": "file",',
    becomes: '"sending": "other",',
    caughtBy: [LINE_LIMIT],
  },
  {
    id: "left-out-untold",
    broken: "The log leaves lines out, and does not say so before something else happens",
    file: "cli/log_rate_limit.ts",
    text: "if (this.#leftOut++ === 0) this.#timer.set(TELL_EVERY_US);",
    becomes: "this.#leftOut++;",
    caughtBy: [LINE_LIMIT],
  },
  {
    id: "turns-without-end",
    broken: "All that is asked of the disk is done in one turn, however long that takes",
    file: "transfer/server/turns.ts",
    text: "if (this.#done === JOBS_PER_TURN || this.#spentUs >= TURN_US) return;",
    becomes: "",
    caughtBy: [TURNS],
  },
  {
    id: "turns-first-come",
    broken: "Who has asked for much has it all before anybody else has a turn",
    file: "transfer/server/turns.ts",
    text: "      this.#waiting.delete(source);\n      if (jobs.length > 0) this.#waiting.set(source, jobs);",
    becomes: "      if (jobs.length === 0) this.#waiting.delete(source);",
    caughtBy: [TURNS],
  },
  {
    id: "turns-without-rest",
    broken: "A slow disk takes all of the time, whoever else is served",
    file: "transfer/server/turns.ts",
    text: "if (nowUs < this.#restUntilUs) return",
    becomes: "if (nowUs < -1) return",
    caughtBy: [TURNS],
  },
  {
    id: "lists-after-each-file",
    broken: "A list is made again as soon as a file has come, however long it takes",
    file: "transfer/server/work.ts",
    text: "this.#nowUs() >= kept.untilUs || ",
    becomes: "this.#nowUs() >= 0 || ",
    caughtBy: [WORK],
  },
  {
    id: "list-from-before",
    broken: "A list may lack a file that was there when it was asked for",
    file: "transfer/server/work.ts",
    text: "kept.generation >= generation",
    becomes: "kept.generation >= 0",
    caughtBy: [WORK],
  },
];
