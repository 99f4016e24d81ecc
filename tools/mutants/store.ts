/**
 * Mistakes on the disk: names that lead elsewhere, files seen before they are complete or durable, files left behind.
 *
 * @module
 */

import type { Mutant } from "./mutant.ts";

const STORE = "tests/unit/store/directory_store_test.ts";
const TEMPORARY = "tests/unit/store/temporary_file_test.ts";
const PLACEMENT = "tests/unit/store/placement_test.ts";
const LOCAL = "tests/unit/store/local_file_test.ts";
const CRASH = "tests/sim/disk_crash_test.ts";
const ATTACKS = "tests/fuzz/store_attacks_test.ts";
const FOLDER_SYNC = "tests/unit/store/folder_sync_test.ts";

/** See the module's description. */
export const STORE_MUTANTS: readonly Mutant[] = [
  {
    id: "name-not-checked",
    broken: "The store makes a file of any name that a peer chose",
    file: "store/directory_store.ts",
    text: "create(name: string, options: CreateOptions): WritableFile {\n    requireFileName(name);",
    becomes: "create(name: string, options: CreateOptions): WritableFile {",
    caughtBy: [STORE],
  },
  {
    id: "link-followed",
    broken: "A symbolic link leads a reader out of the folder",
    file: "store/directory_store.ts",
    text: "followLinks: false, ...this.#howToDescribe(name)",
    becomes: "followLinks: true, ...this.#howToDescribe(name)",
    caughtBy: [STORE],
  },
  {
    id: "overwrite-unchecked",
    broken: "That a name is taken is not said before all of the file has been sent",
    file: "store/placement.ts",
    text: "else throw alreadyExists(subject);",
    becomes: "",
    caughtBy: [PLACEMENT],
  },
  {
    id: "placed-by-rename",
    broken: "A file is placed by a rename, which replaces one that got the name meanwhile",
    file: "store/placement.ts",
    text: "await disk.link(temporaryPath, finalPath);",
    becomes: "await disk.rename(temporaryPath, finalPath);",
    caughtBy: [PLACEMENT],
  },
  {
    id: "replaced-not-durable",
    broken: "A file that replaces another is reported before its name is durable",
    file: "store/placement.ts",
    text: "await disk.rename(temporaryPath, finalPath);\n  await sync(dirname(finalPath));",
    becomes: "await disk.rename(temporaryPath, finalPath);",
    caughtBy: [CRASH],
  },
  {
    id: "placed-not-durable",
    broken: "A new file is reported before its name is durable",
    file: "store/placement.ts",
    text: "    await sync(dirname(finalPath));\n  } catch",
    becomes: "  } catch",
    caughtBy: [CRASH],
  },
  {
    id: "folder-not-durable",
    broken: "The folder that the server made is not durable itself, and goes with all that is in it",
    file: "store/directory_store.ts",
    text: "for (const folder of this.#unsynced) await this.#sync(folder);",
    becomes: "",
    caughtBy: [STORE],
  },
  {
    id: "unsynced-name-stays",
    broken: "A name that could not be made durable stays, though the file is reported as failed",
    file: "store/placement.ts",
    text: "if (isSameFile(identity, disk.lstat(finalPath))) disk.unlink(finalPath);",
    becomes: "",
    caughtBy: [CRASH],
  },
  {
    id: "named-before-synced",
    broken: "A file gets its name before its bytes are durable",
    file: "store/temporary_file.ts",
    text: "await this.#disk.fsync(this.#descriptor);",
    becomes: "",
    caughtBy: [CRASH],
  },
  {
    id: "incomplete-committed",
    broken: "A file of which bytes are missing gets its name",
    file: "store/temporary_file.ts",
    text: "if (writtenBytes < sizeBytes) {",
    becomes: "if (writtenBytes < 0) {",
    caughtBy: [STORE],
  },
  {
    id: "written-past-end",
    broken: "A peer may send more bytes than it announced, and fill the disk",
    file: "store/temporary_file.ts",
    text: "if (end > sizeBytes) throw",
    becomes: "if (end < 0) throw",
    caughtBy: [STORE],
  },
  {
    id: "temporary-stays",
    broken: "The temporary file of a transfer that failed stays",
    file: "store/temporary_file.ts",
    text: "attempt(() => this.#closeDescriptor());\n    removeQuietly(this.#disk, this.#path);",
    becomes: "attempt(() => this.#closeDescriptor());",
    caughtBy: [TEMPORARY],
  },
  {
    id: "leftovers-of-the-living",
    broken: "A program that starts removes the unfinished files of those that run",
    file: "store/temporary_file.ts",
    text: "if (stats.isFile() && disk.nowMs() - touchedMs > STALE_AFTER_MS) disk.unlink(filePath);",
    becomes: "if (stats.isFile()) disk.unlink(filePath);",
    caughtBy: [TEMPORARY],
  },
  {
    id: "space-not-asked",
    broken: "A file that does not fit on the disk is taken in until the disk is full",
    file: "store/temporary_file.ts",
    text: "if (availableBytes === undefined || availableBytes >= sizeBytes + SPACE_SLACK_BYTES) return;",
    becomes: "return;",
    caughtBy: [TEMPORARY],
  },
  {
    id: "mode-stays-private",
    broken: "A received file stays unreadable for everybody else",
    file: "store/temporary_file.ts",
    text: "attempt(() => this.#disk.fchmod(this.#descriptor, this.#finalMode & this.#replacedMode()));",
    becomes: "",
    caughtBy: [STORE],
  },
  {
    id: "modified-unit",
    broken: "The time of modification is in milliseconds and taken for seconds",
    file: "store/temporary_file.ts",
    text: "this.#disk.futimes(this.#descriptor, modifiedMs)",
    becomes: "this.#disk.futimes(this.#descriptor, modifiedMs / 1000)",
    caughtBy: [TEMPORARY],
  },
  {
    id: "changed-same-size",
    broken: "A file that changed without growing counts as unchanged",
    file: "store/opened_file.ts",
    text: " || modifiedMsOf(stats) !== this.info.modifiedMs;",
    becomes: ";",
    caughtBy: [STORE],
  },
  {
    id: "sync-begun-before",
    broken: "Who asks for a sync of the folder joins one that may have begun before his file was there",
    file: "store/folder_sync.ts",
    text: "return syncs.waiting ??= this.#next(folder, syncs);",
    becomes: "return syncs.running ?? (syncs.waiting ??= this.#next(folder, syncs));",
    caughtBy: [FOLDER_SYNC],
  },
  {
    id: "received-name-stuck",
    broken: "Where NAME and NAME_received are taken, a download has nowhere to go",
    file: "store/local_file.ts",
    text: "const candidate = attempt === 0 ? name : receivedName(name, attempt);",
    becomes: "const candidate = attempt === 0 ? name : receivedName(name, 1);",
    caughtBy: [LOCAL],
  },
  {
    id: "other-root-served",
    broken: "Another folder that takes the place of the server's is served",
    file: "store/root_folder.ts",
    text: "if (!isSameFile(this.#identity, stats)) {",
    becomes: "if (stats.ino < 0) {",
    caughtBy: [ATTACKS],
  },
  {
    id: "root-looked-at-once",
    broken: "A folder that is exchanged in the middle of a call is read and written",
    file: "store/directory_store.ts",
    text: "const result = call();\n      try {\n        this.#root.require();",
    becomes: "const result = call();\n      try {",
    caughtBy: [ATTACKS],
  },
  {
    id: "other-file-placed",
    broken: "Whatever stands in the place of the unfinished file gets its name",
    file: "store/placement.ts",
    text: "if (stats.isFile() && isSameFile(identity, stats)) return;",
    becomes: "return;",
    caughtBy: [ATTACKS],
  },
  {
    id: "hard-link-given-out",
    broken: "A second name of anybody's file, put into a folder in which others may write, is given out",
    file: "store/opened_file.ts",
    text: "if (refuseHardLinks && stats.nlink > 1) {",
    becomes: "if (refuseHardLinks && stats.nlink < 1) {",
    caughtBy: [ATTACKS],
  },
  {
    id: "replaced-mode-lost",
    broken: "A file that replaces a private one is everybody's to read",
    file: "store/temporary_file.ts",
    text: "return replaced?.isFile() ? replaced.mode & 0o777 : 0o777;",
    becomes: "return 0o777;",
    caughtBy: [ATTACKS],
  },
  {
    id: "huge-file-sent",
    broken: "A file with a size that no message can hold ends the server",
    file: "store/opened_file.ts",
    text: "if (stats.size > MAX_FILE_BYTES) {",
    becomes: "if (stats.size > Infinity) {",
    caughtBy: [ATTACKS],
  },
];
