/**
 * Mistakes in the transfer of files on a connection.
 *
 * @module
 */

import type { Mutant } from "./mutant.ts";

const SERVER = "tests/unit/transfer/server/session_test.ts";
const CLIENT = "tests/unit/transfer/client/session_test.ts";
const SENDER = "tests/unit/transfer/file_sender_test.ts";
const RECEIVER = "tests/unit/transfer/file_receiver_test.ts";
const NAME = "tests/unit/transfer/file_name_test.ts";
const MESSAGES = "tests/unit/transfer/messages_test.ts";

/** See the module's description. */
export const TRANSFER_MUTANTS: readonly Mutant[] = [
  {
    id: "put-hash-unchecked",
    broken: "The server keeps a file whose checksum is not the client's",
    file: "transfer/server/put.ts",
    text: "if (timingSafeEqual(sha256, next.message.sha256)) this.#commit(sha256);",
    becomes: "if (sha256.length === next.message.sha256.length) this.#commit(sha256);",
    caughtBy: [SERVER],
  },
  {
    id: "get-hash-unchecked",
    broken: "The client keeps a file whose checksum is not the server's",
    file: "transfer/client/get.ts",
    text: "if (timingSafeEqual(sha256, next.message.sha256)) return",
    becomes: "if (sha256.length === next.message.sha256.length) return",
    caughtBy: [CLIENT],
  },
  {
    id: "result-believed",
    broken: "The client takes a file for sent whatever checksum the server has computed",
    file: "transfer/client/put.ts",
    text: "if (status === ResultStatus.verified && localSha256 === result.serverSha256) {",
    becomes: "if (status === ResultStatus.verified) {",
    caughtBy: [CLIENT],
  },
  {
    id: "failed-put-stays",
    broken: "The bytes of an upload that failed stay on the disk",
    file: "transfer/server/put.ts",
    text: 'this.#receiver.abort();\n    this.#context.report({ kind: "failed", operation: "put",',
    becomes: 'this.#context.report({ kind: "failed", operation: "put",',
    caughtBy: [SERVER],
  },
  {
    id: "sent-while-written",
    broken: "A file that changed while it was sent is not noticed",
    file: "transfer/file_sender.ts",
    text: "if (this.#file.hasChanged()) throw this.#changed();",
    becomes: "",
    caughtBy: [SENDER],
  },
  {
    id: "repair-hashed-again",
    broken: "A range that is read again because it was lost is hashed again",
    file: "transfer/file_sender.ts",
    text: "this.#readFully(at, into.subarray(done, done + length));",
    becomes:
      "this.#readFully(at, into.subarray(done, done + length));\n        this.#hash.update(into.subarray(done, done + length));",
    caughtBy: [SENDER],
  },
  {
    id: "short-read",
    broken: "A disk that gives fewer bytes than asked for leaves the rest of the buffer as it was",
    file: "transfer/file_sender.ts",
    text: "done += count;",
    becomes: "done = into.length;",
    caughtBy: [SENDER],
  },
  {
    id: "hashed-before-arrival",
    broken: "Hashing runs on into bytes that have not arrived",
    file: "transfer/file_receiver.ts",
    text: "if (this.#options.contiguousBytes() - this.#hashedBytes < BUFFER_BYTES) return;",
    becomes: "",
    caughtBy: [RECEIVER],
  },
  {
    id: "gathered-across-gap",
    broken: "Bytes that come after a gap are written right behind those before it",
    file: "transfer/file_receiver.ts",
    text: "if (offset !== this.#bufferEnd || held + bytes.length > this.#buffer.length) this.#flush();",
    becomes: "if (held + bytes.length > this.#buffer.length) this.#flush();",
    caughtBy: [RECEIVER],
  },
  {
    id: "waiting-forgotten",
    broken: "Requests beyond what the server allows are not started when others have ended",
    file: "transfer/client/session.ts",
    text: "event = this.#options.connection.pollEvent();\n    }\n    this.#startWaiting();",
    becomes: "event = this.#options.connection.pollEvent();\n    }",
    caughtBy: [CLIENT],
  },
  {
    id: "waiting-without-end",
    broken: "Requests that wait hear nothing of the connection's end",
    file: "transfer/client/session.ts",
    text: "const requests = [...this.#requests.values(), ...this.#waiting];",
    becomes: "const requests = [...this.#requests.values()];",
    caughtBy: [CLIENT],
  },
  {
    id: "temporary-name-case",
    broken: "A peer may name an unfinished file by writing its name in another case",
    file: "transfer/file_name.ts",
    text: ".toUpperCase().startsWith(TEMPORARY_PREFIX.toUpperCase());",
    becomes: ".startsWith(TEMPORARY_PREFIX);",
    caughtBy: [NAME],
  },
  {
    id: "device-with-extension",
    broken: "The name of a Windows device with an extension is taken",
    file: "transfer/file_name.ts",
    text: 'const stem = name.split(".", 1)[0]!.trimEnd().toUpperCase();',
    becomes: "const stem = name.toUpperCase();",
    caughtBy: [NAME],
  },
  {
    id: "message-unbounded",
    broken: "A message may be as long as it says, and is waited for in memory",
    file: "transfer/messages.ts",
    text: "if (reader.failed || length > MAX_BODY_BYTES) return",
    becomes: "if (reader.failed) return",
    caughtBy: [MESSAGES],
  },
];
