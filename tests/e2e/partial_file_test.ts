/**
 * Several processes at one partial file, killed at any moment: each byte that one of them reads back is its own, and what
 * gets the file's name is the work of one.
 */

import assert from "node:assert/strict";
import { Random } from "../../base/random.ts";
import { nodeDisk } from "../../io/node_disk.ts";

const SIZE_BYTES = 400_000;
const PROCESSES = 3;
const KILLS = 8;

function url(path: string): string {
  return JSON.stringify(new URL(`../../${path}`, import.meta.url).href);
}

/** Fills the file with its own byte, again and again, and checks it; every other time commits it. */
const WRITER = `
import { nodeDisk } from ${url("io/node_disk.ts")};
import { createLocalFile, LocalFolders } from ${url("store/local_file.ts")};
const [path, own] = [Deno.args[0], Number(Deno.args[1])];
const folders = new LocalFolders(nodeDisk);
const resume = { purpose: "peer", reusesOld: true };
const bytes = new Uint8Array(65_536);
for (let round = 0;; round++) {
  const file = await createLocalFile(path, { sizeBytes: ${SIZE_BYTES}, modifiedUs: 1, ifExists: "replace", folders, resume });
  for (let at = 0; at < ${SIZE_BYTES}; at += bytes.length) {
    file.write(at, bytes.fill(own).subarray(0, ${SIZE_BYTES} - at));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  for (let at = 0; at < ${SIZE_BYTES}; at += bytes.length) {
    const length = file.read(at, bytes);
    if (bytes.subarray(0, length).some((byte) => byte !== own)) {
      console.log("mixed");
      Deno.exit(1);
    }
  }
  if (round % 2 === 0) file.keep();
  else {
    const result = await new Promise((resolve) => file.commit(resolve));
    if (result instanceof Error) {
      console.log(result.message);
      Deno.exit(1);
    }
  }
  console.log(file.heldBytes);
}
`;

/** A running writer, and what it has said. */
class Writer {
  readonly #child: Deno.ChildProcess;
  readonly #reader: ReadableStreamDefaultReader<string>;
  said = "";
  readonly ended: Promise<void>;

  constructor(folder: string, own: number) {
    const args = [
      "run",
      "--no-check",
      "--no-config",
      "--no-prompt",
      "--allow-read",
      "--allow-write",
      "--allow-sys=statfs",
    ];
    const command = new Deno.Command(Deno.execPath(), {
      args: [...args, `${folder}/writer.ts`, `${folder}/files/a`, String(own)],
      stdout: "piped",
      stderr: "inherit",
    });
    this.#child = command.spawn();
    this.#reader = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.ended = this.#collect();
  }

  async #collect(): Promise<void> {
    for (let part = await this.#reader.read(); !part.done; part = await this.#reader.read()) this.said += part.value;
    await this.#child.status;
  }

  /** Waits until it has gone on for so many rounds, or has ended. */
  async rounds(count: number): Promise<void> {
    const wanted = this.said.split("\n").length + count;
    let hasEnded = false;
    this.ended.then(() => hasEnded = true);
    while (!hasEnded && this.said.split("\n").length < wanted) await pause(5);
  }

  async kill(): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      // It ended by itself, and has said why.
      if (!(error instanceof TypeError)) throw error;
    }
    await this.ended;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

Deno.test("of several processes at one partial file, killed at any moment, each finds only its own bytes", async () => {
  if (!nodeDisk.hasLocks) return;
  const folder = Deno.makeTempDirSync({ prefix: "sluice-test-" });
  const random = new Random(5);
  const writers: Writer[] = [];
  let nextByte = 1;
  try {
    Deno.mkdirSync(`${folder}/files`, { mode: 0o700 });
    Deno.writeTextFileSync(`${folder}/writer.ts`, WRITER);
    const ended: Writer[] = [];
    while (writers.length < PROCESSES) writers.push(new Writer(folder, nextByte++));
    for (let kill = 0; kill < KILLS; kill++) {
      const [victim] = writers.splice(random.integer(0, writers.length - 1), 1);
      await victim!.rounds(3);
      await pause(random.integer(0, 10));
      await victim!.kill();
      ended.push(victim!);
      writers.push(new Writer(folder, nextByte++));
    }
    for (const writer of writers.splice(0)) {
      await writer.rounds(2);
      await writer.kill();
      ended.push(writer);
    }
    const said = ended.map((writer) => writer.said).join("");
    assert.doesNotMatch(said, /[^0-9\n]/, "nothing but numbers of held bytes");
    assert(said.split("\n").some((line) => Number(line) === SIZE_BYTES), "some resumed what was left");
    const bytes = Deno.readFileSync(`${folder}/files/a`);
    assert.equal(bytes.length, SIZE_BYTES);
    assert(bytes.every((byte) => byte === bytes[0]), "the file is the work of one process");
  } finally {
    for (const writer of writers) await writer.kill();
    Deno.removeSync(folder, { recursive: true });
  }
});
