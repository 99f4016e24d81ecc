// What goes wrong in the middle: programs killed, interrupted and stopped, files that change and disks that fail.
// Whatever it is, it ends with a reason, and no partial file stays on either side but to be resumed.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { SluiceError } from "../../app/api.ts";
import { connect } from "../../mod.ts";
import { assertSameFile, namesIn, sha256Of, writeRandomFile } from "../../testing/programs/files.ts";
import { inTime, type Program, reportsIn, type ServerProgram, Stage } from "../../testing/programs/programs.ts";

const MB = 1_000_000;

/**
 * A server behind a link with a round trip of 100 ms. What loopback may have in flight is bounded, so this one carries
 * less than 2 MB a second, and a transfer of many megabytes is still under way when a test acts on it.
 */
const SLOW = ["--simulate", "delay=50ms"];

/** More than the slow link carries before a test is done with it. */
const ENDLESS_BYTES = 200 * MB;

/** What ends a transfer is seen. */
const NO_RETRY = ["--retry-for", "0"];

/** A file of random bytes; what will never be sent to its end is but a hole. */
async function makeFile(filePath: string, sizeBytes: number): Promise<string> {
  if (sizeBytes < ENDLESS_BYTES) return await writeRandomFile(filePath, sizeBytes);
  using file = await Deno.open(filePath, { write: true, create: true });
  await file.truncate(sizeBytes);
  return filePath;
}

/** Starts to send a file that will take for ever; resolves when some of it has arrived. */
async function startUpload(
  stage: Stage,
  server: ServerProgram,
  { sizeBytes = ENDLESS_BYTES, args = NO_RETRY }: { sizeBytes?: number; args?: readonly string[] } = {},
): Promise<Program> {
  const source = await makeFile(stage.path("up.bin"), sizeBytes);
  const client = stage.startClient(["send", source, "--server", server.address, ...args]);
  await stage.untilPartialFile(server.root);
  return client;
}

/** Starts to get a file that will take for ever into the folder "copies"; resolves when some of it has arrived. */
async function startDownload(
  stage: Stage,
  server: ServerProgram,
  { sizeBytes = ENDLESS_BYTES, args = NO_RETRY }: { sizeBytes?: number; args?: readonly string[] } = {},
): Promise<Program> {
  await makeFile(path.join(server.root, "down.bin"), sizeBytes);
  await Deno.mkdir(stage.path("copies"));
  const output = ["--output", stage.path("copies")];
  const client = stage.startClient(["get", "down.bin", ...output, "--server", server.address, ...args]);
  await stage.untilPartialFile(stage.path("copies"));
  return client;
}

/** Checks that a client ended with this code and one line about it. */
async function assertEnds(client: Program, expected: { code: number; stderr: RegExp }): Promise<void> {
  const { code, stderr, stdout } = await client.finished();
  assert.match(stderr, expected.stderr);
  assert.doesNotMatch(stderr, /^\s+at /m);
  assert.equal(code, expected.code);
  assert.equal(stdout, "");
}

/** Names of the files in a folder, without what is kept to be resumed. */
async function filesIn(folder: string): Promise<string[]> {
  return (await namesIn(folder)).filter((name) => !/^\.sluice-[0-9a-f]{32}\.part$/.test(name));
}

for (const direction of ["send", "get"]) {
  Deno.test(`client ends its ${direction} with a reason when the server was killed and started again`, async () => {
    await using stage = await Stage.open();
    const first = await stage.startServer({ args: SLOW });
    const client = direction === "send" ? await startUpload(stage, first) : await startDownload(stage, first);
    first.program.signal("SIGKILL");
    await first.program.finished();
    const second = await stage.startServer({ port: first.port, args: SLOW });
    await assertEnds(client, { code: 1, stderr: /^error: the server no longer knows this connection.*\n$/ });
    // The partial file of the killed server is not listed.
    const listed = await stage.client(["list", "--server", second.address]);
    assert.deepEqual(listed.stdout.split("\t")[0], direction === "send" ? "" : "down.bin");
    if (direction === "get") assert.deepEqual(await filesIn(stage.path("copies")), []);
  });

  Deno.test(`client goes on with its ${direction} when the server was killed and started again`, async () => {
    await using stage = await Stage.open();
    const options = { sizeBytes: 3 * MB, args: ["--retry-for", "2m"] };
    const first = await stage.startServer({ args: SLOW });
    const client = direction === "send"
      ? await startUpload(stage, first, options)
      : await startDownload(stage, first, options);
    first.program.signal("SIGKILL");
    await first.program.finished();
    await stage.startServer({ port: first.port, args: SLOW });
    const { code, stderr, stdout } = await client.finished();
    assert.match(
      stderr,
      /^connection lost: the server .*; reconnecting for up to 2 min\nreconnected after \d.*\n$/,
    );
    assert.equal(reportsIn(stdout), 1);
    assert.equal(code, 0);
    const [here, there] = direction === "send"
      ? [stage.path("up.bin"), path.join(first.root, "up.bin")]
      : [stage.path("copies", "down.bin"), path.join(first.root, "down.bin")];
    await assertSameFile(here, there);
  });

  Deno.test(`client interrupted in a ${direction} exits with 130 and leaves at most what can be resumed`, async () => {
    await using stage = await Stage.open();
    const server = await stage.startServer({ args: SLOW });
    const client = direction === "send" ? await startUpload(stage, server) : await startDownload(stage, server);
    client.signal("SIGINT");
    await assertEnds(client, { code: 130, stderr: /^error: interrupted.*$/m });
    await server.program.says(/(put "up.bin"|get "down.bin") failed: /);
    assert.deepEqual(await filesIn(server.root), direction === "send" ? [] : ["down.bin"]);
    if (direction === "get") assert.deepEqual(await filesIn(stage.path("copies")), []);
  });

  Deno.test(`server whose client was killed in a ${direction} keeps at most what can be resumed`, async () => {
    await using stage = await Stage.open();
    const server = await stage.startServer({ args: ["--grace", "0", ...SLOW] });
    const client = direction === "send" ? await startUpload(stage, server) : await startDownload(stage, server);
    client.signal("SIGKILL");
    await client.finished();
    const { code, stderr } = await server.stop();
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    assert.deepEqual(await filesIn(server.root), direction === "send" ? [] : ["down.bin"]);
    assert.match(server.log, /(put "up.bin"|get "down.bin") failed: [^]*stopped\n$/);
  });

  Deno.test(`server stopped in a ${direction} ends it when the grace is over, and no file is there`, async () => {
    await using stage = await Stage.open();
    const server = await stage.startServer({ args: ["--grace", "0", ...SLOW] });
    const client = direction === "send" ? await startUpload(stage, server) : await startDownload(stage, server);
    const { code } = await server.stop();
    assert.equal(code, 0);
    await assertEnds(client, { code: 1, stderr: /^error: .*the server is shutting down.*\n$/ });
    assert.deepEqual(await filesIn(server.root), direction === "send" ? [] : ["down.bin"]);
    if (direction === "get") assert.deepEqual(await filesIn(stage.path("copies")), []);
  });

  Deno.test(`server stopped in a ${direction} lets it finish and takes nothing new`, async () => {
    await using stage = await Stage.open();
    const server = await stage.startServer({ args: SLOW });
    const other = await connect({ host: "127.0.0.1", port: server.port, retryForMs: 0 });
    try {
      const client = direction === "send"
        ? await startUpload(stage, server, { sizeBytes: 3 * MB })
        : await startDownload(stage, server, { sizeBytes: 3 * MB });
      // Paused, so that the transfer still runs when the late client has started, however slow this machine is.
      client.signal("SIGSTOP");
      server.program.signal("SIGTERM");
      await server.program.says(/stopping, 1 running transfer has 30.* to finish/);
      const isShuttingDown = (error: unknown) =>
        error instanceof SluiceError && error.kind === "refused" && /shutting down/.test(error.message);
      await assert.rejects(other.list(), isShuttingDown);
      const late = await stage.client(["list", "--server", server.address, ...NO_RETRY]);
      assert.match(late.stderr, /^error: .*the server is shutting down.*\n$/);
      assert.equal(late.code, 4);
      client.signal("SIGCONT");
      const { code, stdout, stderr } = await client.finished();
      assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
      assert.equal(reportsIn(stdout), 1);
    } finally {
      await other.close();
    }
    assert.equal((await server.program.finished()).code, 0);
    assert.match(server.log, /stopped\n$/);
    const [here, there] = direction === "send"
      ? [stage.path("up.bin"), path.join(server.root, "up.bin")]
      : [stage.path("copies", "down.bin"), path.join(server.root, "down.bin")];
    await assertSameFile(here, there);
  });
}

Deno.test("server stopped a second time leaves at once", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer({ args: ["--grace", "86400", ...SLOW] });
  await startUpload(stage, server);
  server.program.signal("SIGTERM");
  await server.program.says(/stopping, 1 running transfer/);
  server.program.signal("SIGINT");
  assert.equal((await server.program.finished()).code, 130);
});

Deno.test("client interrupted twice leaves at once", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer({ args: SLOW });
  const client = await startUpload(stage, server);
  client.signal("SIGINT");
  client.signal("SIGINT");
  assert.equal((await client.finished()).code, 130);
});

Deno.test("client interrupted while it connects exits with 130", async () => {
  await using stage = await Stage.open();
  const silent = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  try {
    const { port } = silent.addr as Deno.NetAddr;
    const client = stage.startClient(["list", "--server", `127.0.0.1:${port}`]);
    await silent.receive();
    client.signal("SIGINT");
    await assertEnds(client, { code: 130, stderr: /^error: interrupted.*$/m });
  } finally {
    silent.close();
  }
});

Deno.test("client says goodbye also when its own traffic is delayed", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer();
  const listed = await stage.client(["list", "--server", server.address, "--simulate", "delay=50ms"]);
  assert.deepEqual([listed.code, listed.stderr], [0, ""]);
  const [, reason] = await server.program.says(/disconnected: (.*)\n/);
  assert.equal(reason, "the other side closed the connection");
});

Deno.test("interactive client cancels the transfer at the first Ctrl-C, and goes on", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer({ args: SLOW });
  await makeFile(path.join(server.root, "down.bin"), ENDLESS_BYTES);
  const stdin = "get down.bin\nls\nquit\n";
  const client = stage.startClient(["127.0.0.1", String(server.port)], { stdin });
  await stage.untilPartialFile(stage.folder);
  client.signal("SIGINT");
  const { stdout, stderr } = await client.finished();
  assert.match(stderr, /interrupted/);
  assert.match(stdout, /^down\.bin\t200000000\t/m);
  assert.deepEqual(await filesIn(stage.folder), ["storage"]);
});

/** What happens to a file while it is sent, and how its sender notices. */
const CHANGES: readonly { readonly what: string; readonly change: (file: string) => Promise<void> }[] = [
  { what: "grows", change: (file) => Deno.writeTextFile(file, "more", { append: true }) },
  { what: "becomes shorter", change: (file) => Deno.truncate(file, 1.5 * MB) },
  { what: "is emptied", change: (file) => Deno.truncate(file, 0) },
  { what: "is overwritten in place", change: (file) => overwriteMiddle(file) },
];

async function overwriteMiddle(file: string): Promise<void> {
  using open = await Deno.open(file, { write: true });
  await open.seek(2 * MB, Deno.SeekMode.Start);
  await open.write(new TextEncoder().encode("other bytes"));
  await open.utime(1_000_000_000, 1_000_000_000);
}

for (const { what, change } of CHANGES) {
  Deno.test(`client whose file ${what} while it is sent says so, and the server stores nothing`, async () => {
    await using stage = await Stage.open();
    const server = await stage.startServer({ args: SLOW });
    const client = await startUpload(stage, server, { sizeBytes: 3 * MB });
    await change(stage.path("up.bin"));
    await assertEnds(client, { code: 6, stderr: /^error: .*up\.bin.* changed while it was being sent.*\n$/ });
    await server.program.says(/put "up\.bin" failed: /);
    // The end of the connection may be heard of before the reason why the file is given up.
    assert.deepEqual(await filesIn(server.root), []);
  });

  Deno.test(`server whose file ${what} while it is sent says so, and the client keeps nothing`, async () => {
    await using stage = await Stage.open();
    const server = await stage.startServer({ args: SLOW });
    const client = await startDownload(stage, server, { sizeBytes: 3 * MB });
    await change(path.join(server.root, "down.bin"));
    await assertEnds(client, { code: 1, stderr: /^error: the server gave up the transfer: .*\n$/ });
    await server.program.says(/get "down\.bin" failed: .*changed while it was being sent/);
    assert.deepEqual(await namesIn(stage.path("copies")), []);
  });
}

Deno.test("client goes on with a file that another takes the place of while it is sent", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer({ args: SLOW });
  const client = await startUpload(stage, server, { sizeBytes: 3 * MB });
  const sha256 = await sha256Of(stage.path("up.bin"));
  await Deno.remove(stage.path("up.bin"));
  await Deno.writeTextFile(stage.path("up.bin"), "another file");
  assert.equal((await client.finished()).code, 0);
  assert.equal(await sha256Of(path.join(server.root, "up.bin")), sha256);
});

/** The disk as this process sees it fails beyond the first 300 kB of any file, in the way of `code`. */
function failingDisk(call: "readSync" | "writeSync", code: string): Disposable {
  const whole = fs[call] as (...args: unknown[]) => number;
  const failing = (fd: number, bytes: Uint8Array, from: number, length: number, position: number) => {
    if (position > 300_000) throw Object.assign(new Error(code), { code });
    return whole(fd, bytes, from, length, position);
  };
  Object.assign(fs, { [call]: failing });
  return { [Symbol.dispose]: () => void Object.assign(fs, { [call]: whole }) };
}

Deno.test("client whose disk cannot be read any more says so, and the server keeps nothing", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer({ args: [...SLOW, "--open"] });
  const source = await writeRandomFile(stage.path("up.bin"), MB);
  using _disk = failingDisk("readSync", "EIO");
  const client = await connect({ host: "127.0.0.1", port: server.port });
  try {
    const isDiskError = (error: unknown) =>
      error instanceof SluiceError && error.kind === "local-disk" && /up\.bin.*check the disk/.test(error.message);
    await inTime(assert.rejects(client.send(source), isDiskError), () => "the disk error");
    await server.program.says(/put "up\.bin" failed: /);
    assert.deepEqual(await namesIn(server.root), []);
    assert.deepEqual(await client.list(), []);
  } finally {
    await client.close();
  }
});

Deno.test("client whose disk becomes full says so, and keeps nothing", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer({ args: [...SLOW, "--open"] });
  await writeRandomFile(path.join(server.root, "down.bin"), MB);
  await Deno.mkdir(stage.path("copies"));
  using _disk = failingDisk("writeSync", "ENOSPC");
  const client = await connect({ host: "127.0.0.1", port: server.port });
  try {
    const isDiskError = (error: unknown) =>
      error instanceof SluiceError && error.kind === "local-disk" && /the disk is full/.test(error.message);
    const got = client.get("down.bin", { output: stage.path("copies", "down.bin") });
    await inTime(assert.rejects(got, isDiskError), () => "the disk error");
    await server.program.says(/get "down\.bin" failed: /);
    assert.deepEqual(await namesIn(stage.path("copies")), []);
  } finally {
    await client.close();
  }
});

Deno.test("client whose send was killed sends only the rest the next time", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer({ args: SLOW });
  const client = await startUpload(stage, server, { sizeBytes: 6 * MB });
  for (let heldBytes = 0; heldBytes < 2 * MB;) {
    const [partial] = (await namesIn(server.root)).filter((name) => name.endsWith(".part"));
    heldBytes = partial === undefined ? 0 : (await Deno.stat(path.join(server.root, partial))).size;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  client.signal("SIGKILL");
  await client.finished();
  const { code, stdout } = await stage.client(["send", stage.path("up.bin"), "--server", server.address]);
  assert.equal(code, 0);
  assert.match(stdout, / {2}\d\d\.\d % reused/);
  await assertSameFile(stage.path("up.bin"), path.join(server.root, "up.bin"));
  assert.deepEqual(await namesIn(server.root), ["up.bin"]);
});
