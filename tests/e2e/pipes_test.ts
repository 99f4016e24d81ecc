/**
 * Pipes of a real shell around the real client: standard input, FIFOs, process substitution, and files that grow.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  type Finished,
  type Launch,
  launchOfTask,
  type ServerProgram,
  Stage,
} from "../../testing/programs/programs.ts";

const HAS_SHELL = Deno.build.os !== "windows";

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Bytes that no compression and no repetition hides mistakes of. */
function randomBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

/** A server, and a shell whose command `sluice` is the client. */
class Scene implements AsyncDisposable {
  private constructor(readonly stage: Stage, readonly server: ServerProgram) {}

  static async open(options: { readonly args?: readonly string[] } = {}): Promise<Scene> {
    const client = await launchOfTask("list");
    const shell: Launch = { command: "bash", args: ["-c", SHELL, "bash", client.command, ...client.args, SEPARATOR] };
    const server = await launchOfTask("serve");
    const stage = await Stage.open({ client: shell, server });
    return new Scene(stage, await stage.startServer(options));
  }

  /** Starts a script, in which `sluice` is the client. */
  start(script: string) {
    return this.stage.startClient([script], { env: { SLUICE_SERVER: this.server.address } });
  }

  async run(script: string): Promise<Finished> {
    return await this.start(script).finished();
  }

  stored(name: string): Promise<Uint8Array> {
    return Deno.readFile(`${this.server.root}/${name}`);
  }

  async storedNames(): Promise<string[]> {
    return (await Array.fromAsync(Deno.readDir(this.server.root))).map(({ name }) => name).toSorted();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stage[Symbol.asyncDispose]();
  }
}

const SEPARATOR = "--script--";

/** Takes the client's command up to the separator, and runs the script behind it. */
const SHELL = `
client=()
while [ "$1" != ${SEPARATOR} ]; do client+=("$1"); shift; done
shift
sluice() { "\${client[@]}" "$@"; }
eval "$1"
`;

/** `run ...` starts the client, and passes SIGUSR1 on to it, by its process ID, as Ctrl-C. */
const UNTIL_TOLD = `run() {
  trap 'kill -INT "$pid"' USR1
  "\${client[@]}" "$@" <&0 & pid=$!
  # A signal interrupts the wait, with a code above that of the client.
  while wait "$pid"; code=$?; [ "$code" -gt 130 ]; do :; done
  exit "$code"
}`;

function check(what: string, run: (scene: Scene) => Promise<void>, ...args: readonly string[]): void {
  Deno.test(what, async () => {
    if (!HAS_SHELL) return;
    await using scene = await Scene.open({ args });
    await run(scene);
  });
}

check("a client sends what tar writes", async (scene) => {
  await Deno.mkdir(scene.stage.path("photos"));
  const photo = randomBytes(3_000_000);
  await Deno.writeFile(scene.stage.path("photos", "1.jpg"), photo);
  const sent = await scene.run("set -o pipefail; tar c photos | sluice send - --as photos.tar");
  assert.deepEqual([sent.code, sent.stderr], [0, ""]);
  assert.match(sent.stdout, /^photos\.tar {2,}[\d.]+ [kM]B {2,}/);
  assert.match(scene.server.log, /receiving "photos\.tar", a pipe, size unknown\n/);
  assert.match(scene.server.log, /received "photos\.tar", 3\.\d MB in /);
  const back = scene.stage.path("back");
  await Deno.mkdir(back);
  const tar = new Deno.Command("tar", { args: ["xf", `${scene.server.root}/photos.tar`, "-C", back] });
  assert((await tar.output()).success);
  assert.deepEqual(await Deno.readFile(`${back}/photos/1.jpg`), photo);
});

check("a client sends FIFOs, process substitutions and /dev/stdin", async (scene) => {
  const fifo = await scene.run("mkfifo pipe; (sleep 0.1; echo one; sleep 0.1; echo two) > pipe & sluice send pipe");
  assert.deepEqual([fifo.code, fifo.stderr], [0, ""]);
  const substituted = await scene.run("sluice send <(echo three) --as three");
  assert.deepEqual([substituted.code, substituted.stderr], [0, ""]);
  const nameless = await scene.run("sluice send <(echo four)");
  assert.equal(nameless.code, 2);
  assert.match(nameless.stderr, /^error: "\/dev\/fd\/\d+" has no name to be stored under; add --as NAME\n$/);
  const standard = await scene.run("echo five | sluice send /dev/stdin --as five");
  assert.deepEqual([standard.code, standard.stderr], [0, ""]);
  const expected = { pipe: "one\ntwo\n", three: "three\n", five: "five\n" };
  for (const [name, text] of Object.entries(expected)) {
    assert.equal(new TextDecoder().decode(await scene.stored(name)), text);
  }
  assert.deepEqual(await scene.storedNames(), Object.keys(expected).toSorted());
});

check("a pipe that is interrupted, cannot be read or loses its server leaves nothing", async (scene) => {
  const unreadable = await scene.run("sluice send - --as x < .");
  assert.equal(unreadable.code, 6);
  assert.match(unreadable.stderr, /^error: standard input could not be read to its end: .*; nothing was stored\n$/);
  const interrupted = scene.start(`exec < <(echo x; exec sleep 20 2>/dev/null); ${UNTIL_TOLD}; run send - --as x`);
  await scene.server.program.says(/receiving "x", a pipe/);
  interrupted.signal("SIGUSR1");
  const { code, stderr } = await interrupted.finished();
  assert.deepEqual([code, stderr.split("\n")[0]], [130, "Stopping; Ctrl-C again quits at once."]);
  const lost = scene.start("yes | sluice send - --as x --timeout 2");
  await scene.server.program.says(/(?:receiving "x", a pipe[\s\S]*){2}/);
  assert.deepEqual((await scene.storedNames()).filter((name) => !name.startsWith(".")), []);
  scene.server.program.signal("SIGKILL");
  const end = await lost.finished();
  assert.notEqual(end.code, 0);
  assert.match(end.stderr, /cannot be read again: run the whole command again\n$/);
  assert.deepEqual((await scene.storedNames()).filter((name) => !name.startsWith(".")), []);
});

check("a client follows a file until Ctrl-C, and until it is renamed", async (scene) => {
  const log = scene.stage.path("log");
  await Deno.writeTextFile(log, "one\n");
  const stopped = scene.start(`${UNTIL_TOLD}; run send --follow log`);
  await scene.server.program.says(/receiving "log", a pipe/);
  await Deno.writeTextFile(log, "two\n", { append: true });
  stopped.signal("SIGUSR1");
  const ended = await stopped.finished();
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stderr, /^Completing the file as it is now; Ctrl-C again gives it up\.$/m);
  assert.equal(new TextDecoder().decode(await scene.stored("log")), "one\ntwo\n");

  const renamed = scene.start("sluice send --follow log --as log.old");
  await scene.server.program.says(/receiving "log.old", a pipe/);
  await Deno.writeTextFile(log, "three\n", { append: true });
  await Deno.rename(log, `${log}.1`);
  await Deno.writeTextFile(log, "new\n");
  assert.equal((await renamed.finished()).code, 0);
  assert.equal(new TextDecoder().decode(await scene.stored("log.old")), "one\ntwo\nthree\n");

  const cut = scene.start("sluice send --follow log.1 --as cut");
  await scene.server.program.says(/receiving "cut", a pipe/);
  await Deno.truncate(`${log}.1`, 1);
  const failed = await cut.finished();
  assert.equal(failed.code, 6);
  assert.match(failed.stderr, /^error: "log\.1" was cut to 1 bytes while it was followed, after 14 had been sent; /m);
  assert.deepEqual(await scene.storedNames(), ["log", "log.old"]);
});

check("a client writes several files to standard output, in order and to the byte", async (scene) => {
  const parts = [randomBytes(2_000_001), new Uint8Array(0), new Uint8Array(3_000_000), randomBytes(10)];
  await Promise.all(parts.map((part, index) => Deno.writeFile(`${scene.server.root}/${index}`, part)));
  const whole = new Uint8Array(parts.flatMap((part) => [...part]));
  const piped = await scene.run("set -o pipefail; sluice get 0 1 2 3 -o - --quiet | sha256sum");
  assert.deepEqual([piped.code, piped.stderr], [0, ""]);
  assert.equal(piped.stdout, `${sha256(whole)}  -\n`);
  const saved = await scene.run("sluice get 0 1 --output /dev/stdout --quiet > saved; sluice get 3 -qo - >> saved");
  assert.deepEqual([saved.code, saved.stderr], [0, ""]);
  assert.deepEqual(
    await Deno.readFile(scene.stage.path("saved")),
    new Uint8Array([...parts[0]!, ...parts[3]!]),
  );
});

check(
  "a client writes all of a file to a reader that pauses for longer than a transfer may stall",
  async (scene) => {
    // More than the client reads ahead.
    const content = randomBytes(12_000_000);
    await Deno.writeFile(`${scene.server.root}/file`, content);
    const { code, stdout, stderr } = await scene.run(
      "set -o pipefail; sluice get file -qo - | { sleep 9; sha256sum; }",
    );
    assert.deepEqual([code, stderr], [0, ""]);
    assert.equal(stdout, `${sha256(content)}  -\n`);
  },
  "--stall-timeout",
  "1",
);

Deno.test("a client whose reader has gone says nothing, and ends as by SIGPIPE; a transfer is done all the same", async () => {
  await using scene = await Scene.open();
  const content = randomBytes(1000);
  await Deno.writeFile(scene.stage.path("file"), content);
  // The reader has ended before the client begins.
  const script = (command: string) => `exec 3> >(:); wait $!; ${command} >&3; code=$?; exec 3>&-; exit $code`;
  for (
    const command of [
      "send file",
      "send file --force --json",
      "list",
      "stat file",
      "df",
      "key",
      "--help",
      "get file -o -",
    ]
  ) {
    const { code, stderr } = await scene.run(script(`sluice ${command}`));
    assert.deepEqual({ code, stderr }, { code: 141, stderr: "" }, command);
  }
  assert.deepEqual(await scene.stored("file"), content);
  const missing = await scene.run(script("sluice get missing"));
  assert.deepEqual([missing.code, missing.stderr.split("\n").length], [3, 2]);
});

if (Deno.build.os === "linux") {
  Deno.test("a client whose standard error is full or closed does what it does, with the same exit code", async () => {
    await using scene = await Scene.open();
    await Deno.writeFile(scene.stage.path("file"), randomBytes(1000));
    assert.equal((await scene.run("sluice send file 2> /dev/full")).code, 0);
    for (
      const [command, code] of [["get missing", 3], ["bogus", 2], ["list --server 127.0.0.1:9 --timeout 1", 5]] as const
    ) {
      for (const end of ["2> /dev/full", "2>&-", "> /dev/full 2>&1"]) {
        const finished = await scene.run(`sluice ${command} ${end}`);
        assert.deepEqual(finished, { code, stdout: "", stderr: "" }, `${command} ${end}`);
      }
    }
  });
}
