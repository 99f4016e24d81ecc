/**
 * Mistakes in the transfer of files, and on the disk.
 *
 * @module
 */

import type { Mutant } from "./mutant.ts";

/** See the module's description. */
export const FILE_MUTANTS: readonly Mutant[] = [
  {
    id: "put-hash-unchecked",
    broken: "The server keeps a file with a wrong checksum",
    file: "transfer/server/put.ts",
    text: "timingSafeEqual(sha256, next.message.sha256)",
    becomes: "true",
    caughtBy: "tests/unit/transfer/server/session_test.ts",
  },
  {
    id: "file-changed",
    broken: "A file that changes while it is sent is not noticed",
    file: "transfer/file_sender.ts",
    text: "this.#file.hasChanged()",
    becomes: "false",
  },
  {
    id: "restored-time",
    broken: "A file that is overwritten, and its modification time restored, counts as unchanged",
    file: "store/opened_file.ts",
    text: "now.ctimeMs !== ctimeMs &&",
    becomes: "false &&",
  },
  {
    id: "replaced-file",
    broken: "A file that was replaced counts as changed",
    file: "store/opened_file.ts",
    text: "&& now.nlink === nlink",
    becomes: "",
  },
  {
    id: "late-file-leaks",
    broken: "A file that the store opens after its request has ended stays open",
    file: "transfer/server/session.ts",
    text: "if (!(result instanceof StoreError)) steps.undo?.(result);",
    becomes: "",
  },
  {
    id: "short-read",
    broken: "A short read leaves the rest of the buffer as it was",
    file: "transfer/file_sender.ts",
    text: "done += count",
    becomes: "done = into.length",
  },
  {
    id: "written-across-gap",
    broken: "Bytes after a gap are written directly behind those before it",
    file: "transfer/file_receiver.ts",
    text: "offset !== this.#bufferEnd ||",
    becomes: "",
  },
  {
    id: "drip-is-progress",
    broken: "A byte now and then keeps a stalled transfer alive",
    file: "transfer/stall_watch.ts",
    text: ">= MIN_MOVED_BYTES",
    becomes: "> 0",
  },
  {
    id: "device-with-extension",
    broken: "The name of a Windows device with an extension is accepted",
    file: "transfer/file_name.ts",
    text: 'name.split(".", 1)[0]!',
    becomes: "name",
  },
  {
    id: "message-unbounded",
    broken: "A message may be of any length, and is buffered in memory",
    file: "transfer/messages.ts",
    text: "|| length > MAX_BODY_BYTES",
    becomes: "",
  },
  {
    id: "link-followed",
    broken: "A symbolic link leads out of the folder",
    file: "store/directory_store.ts",
    text: "followLinks: false",
    becomes: "followLinks: true",
  },
  {
    id: "placed-by-rename",
    broken: "A new file is placed by a rename, which replaces a file that got the name meanwhile",
    file: "store/placement.ts",
    text: "disk.link(",
    becomes: "disk.rename(",
  },
  {
    id: "placed-not-durable",
    broken: "A new file is reported before its name is durable",
    file: "store/placement.ts",
    text: "await sync(dirname(finalPath));\n  } catch",
    becomes: "} catch",
    caughtBy: "tests/sim/disk_crash_test.ts",
  },
  {
    id: "named-before-synced",
    broken: "A file gets its name before its bytes are durable",
    file: "store/temporary_file.ts",
    text: "await this.#disk.fsync(this.#descriptor)",
    becomes: "",
    caughtBy: "tests/sim/disk_crash_test.ts",
  },
  {
    id: "incomplete-committed",
    broken: "A file with missing bytes gets its name",
    file: "store/temporary_file.ts",
    text: "writtenBytes < sizeBytes",
    becomes: "false",
    caughtBy: "tests/unit/store/directory_store_test.ts",
  },
  {
    id: "written-past-end",
    broken: "A peer may send more bytes than it announced",
    file: "store/temporary_file.ts",
    text: "end > sizeBytes",
    becomes: "false",
    caughtBy: "tests/unit/store/directory_store_test.ts",
  },
  {
    id: "partial-of-running",
    broken: "A program that starts removes the partial files of programs that run",
    file: "store/temporary_file.ts",
    text: "> STALE_AFTER_MS",
    becomes: "> -1",
  },
  {
    id: "quota-without-partial",
    broken: "A quota does not count files that are being received",
    file: "store/quota_store.ts",
    text: "+ this.#reservedBytes + added",
    becomes: "+ added",
  },
  {
    id: "other-root-served",
    broken: "Another folder that replaces the server's root is served",
    file: "store/root_folder.ts",
    text: "!isSameFile(this.#identity, stats)",
    becomes: "false",
    caughtBy: "tests/fuzz/store_attacks_test.ts",
  },
  {
    id: "hard-link-served",
    broken: "A hard link to another user's file is served",
    file: "store/opened_file.ts",
    text: "stats.nlink > 1",
    becomes: "false",
    caughtBy: "tests/fuzz/store_attacks_test.ts",
  },
];
