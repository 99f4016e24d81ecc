// What another user of either machine can put where the programs read and write: nothing outside of what they were given
// is read, written or listed, nothing that was there is lost, nothing hangs, and each error says what is the matter.

import assert from "node:assert/strict";
import path from "node:path";
import { SluiceError } from "../../app/api.ts";
import type { Client } from "../../app/client/api.ts";
import type { FailureKind } from "../../transfer/failure.ts";
import { connect } from "../../mod.ts";
import { assertSameFile, namesIn, writeRandomFile } from "../../testing/programs/files.ts";
import { inTime, type ServerProgram, Stage } from "../../testing/programs/programs.ts";

/** A link with a round trip of 100 ms: a transfer is under way when a test acts on it. */
const SLOW = ["--simulate", "delay=50ms"];

async function withClient(server: ServerProgram, run: (client: Client) => Promise<void>): Promise<void> {
  const client = await connect({ host: "127.0.0.1", port: server.port });
  try {
    await run(client);
  } finally {
    await client.close();
  }
}

/** Asserts that a request ends with an error of this kind, in time: what hangs has failed. */
async function assertFails(
  request: Promise<unknown>,
  expected: { kind: FailureKind; says: RegExp },
): Promise<void> {
  const isExpected = (error: unknown) => {
    assert(error instanceof SluiceError, `a SluiceError is expected, not ${error}`);
    assert.match(error.message, expected.says);
    assert.equal(error.kind, expected.kind);
    return true;
  };
  await inTime(assert.rejects(request, isExpected), () => `the error ${expected.says}`);
}

async function run(command: string, ...args: string[]): Promise<boolean> {
  const { success } = await new Deno.Command(command, { args, stderr: "null" }).output();
  return success;
}

/** What stands in a folder under the name that it is to be found by, each with what is said of it. */
interface Trap {
  readonly name: string;
  readonly says: RegExp;
}

/** Puts one of everything that is no file into a folder; links lead to `secret`. */
async function setTraps(folder: string, secret: string): Promise<Trap[]> {
  const at = (name: string) => path.join(folder, name);
  await Deno.symlink(secret, at("link"));
  await Deno.symlink("nowhere", at("dangling"));
  await Deno.symlink("loop", at("loop"));
  await Deno.symlink(path.dirname(secret), at("linked-folder"));
  await Deno.mkdir(at("folder"));
  assert(await run("mkfifo", at("fifo")));
  const traps: Trap[] = [
    ...["link", "dangling", "loop", "linked-folder"].map((name) => ({ name, says: /is a symbolic link/ })),
    { name: "folder", says: /is a folder, not a file/ },
    { name: "fifo", says: /is a device, FIFO or socket, not a file/ },
  ];
  // A device that would never end; only root can make one.
  if (await run("mknod", at("device"), "c", "1", "5")) {
    traps.push({ name: "device", says: /is a device, FIFO or socket, not a file/ });
  }
  return traps;
}

Deno.test("server gives out and replaces nothing but files, and tells of nothing outside its folder", async () => {
  await using stage = await Stage.open();
  const secret = stage.path("secret");
  await Deno.writeTextFile(secret, "secret");
  await Deno.writeTextFile(stage.path("up"), "from another user");
  const server = await stage.startServer({ args: ["--open"] });
  const traps = await setTraps(server.root, secret);
  using _socket = Deno.listen({ transport: "unix", path: path.join(server.root, "socket") });
  traps.push({ name: "socket", says: /is a device, FIFO or socket, not a file/ });
  const before = await namesIn(server.root);
  await withClient(server, async (client) => {
    for (const { name, says } of traps) {
      const output = stage.path("copy");
      await assertFails(client.get(name, { output }), { kind: "refused", says });
      const kind = /link/.test(says.source) ? "link" : /folder/.test(says.source) ? "folder" : undefined;
      if (kind === undefined) await assertFails(client.stat(name), { kind: "refused", says });
      else assert.equal((await client.stat(name)).kind, kind);
      await assertFails(client.send(stage.path("up"), { as: name, overwrite: true }), { kind: "refused", says });
      await assertFails(client.send(stage.path("up"), { as: name }), { kind: "refused", says: /already exists/ });
    }
    const listed = await client.list({ recursive: true });
    assert.deepEqual(listed.filter(({ kind }) => kind === "file"), []);
    const leading = listed.filter(({ target }) => target?.includes(stage.folder) || target?.startsWith(".."));
    assert.deepEqual(leading, [], "the list tells of nothing outside");
    assert.deepEqual(await namesIn(server.root), before);
    await client.send(stage.path("up"));
    assert.deepEqual((await client.list()).flatMap(({ kind, name }) => kind === "file" ? [name] : []), ["up"]);
  });
  assert.equal(await Deno.readTextFile(secret), "secret");
  assert.deepEqual(await namesIn(stage.folder), ["secret", "storage", "up"]);
});

Deno.test("server is not ended by names and sizes that no message can hold, nor by ten thousand files", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer({ args: ["--open"] });
  // Bytes that are no UTF-8, and half of a surrogate pair; file systems that take neither refuse them.
  for (const name of ["bad\\377name", "\\355\\240\\200"]) {
    await run("sh", "-c", `: > "$1/$(printf '${name}')"`, "sh", server.root);
  }
  // 2^60 bytes, of which none takes room; where that is more than a file can have, what there is.
  await run("truncate", "-s", String(2n ** 60n), path.join(server.root, "huge"));
  const before = (await namesIn(server.root)).length - 1;
  const odd = [" led by a space", "con", "a:b", "line\nbreak"];
  for (const name of [".sluice-x", ...odd]) {
    await Deno.writeTextFile(path.join(server.root, name), "");
  }
  for (let index = 0; index < 10_000; index++) Deno.writeTextFileSync(path.join(server.root, `${index}`), "");
  await withClient(server, async (client) => {
    let unlisted = 0;
    const names = new Set((await client.list({ onUnlisted: ({ count }) => unlisted = count })).map(({ name }) => name));
    assert.equal(unlisted, before);
    names.delete("huge");
    assert.deepEqual(odd.filter((name) => names.delete(name)), odd);
    assert.equal(names.size, 10_000);
    assert(names.has("9999"));
    await writeRandomFile(stage.path("up"), 1000);
    await client.send(stage.path("up"));
    await client.get("up", { output: stage.path("down") });
  });
  await assertSameFile(stage.path("down"), stage.path("up"));
});

Deno.test("server warns of a folder that others may write in, and gives out no second names there", async () => {
  await using stage = await Stage.open();
  await Deno.mkdir(stage.path("storage"));
  await Deno.chmod(stage.path("storage"), 0o777);
  await Deno.writeTextFile(stage.path("secret"), "secret");
  await Deno.link(stage.path("secret"), stage.path("storage", "a"));
  const server = await stage.startServer({ args: ["--open"] });
  assert.match(server.log, /WARN {2}.*storage is writable by other users, .*chmod go-w .*\n.*listening/);
  await withClient(server, async (client) => {
    const output = stage.path("copy");
    await assertFails(client.get("a", { output }), { kind: "refused", says: /has a second name \(a hard link\)/ });
    const listed = await client.list({ recursive: true });
    assert.deepEqual(listed.filter(({ kind }) => kind === "file"), []);
    const leading = listed.filter(({ target }) => target?.includes(stage.folder) || target?.startsWith(".."));
    assert.deepEqual(leading, [], "the list tells of nothing outside");
    await Deno.writeTextFile(stage.path("a"), "new");
    await client.send(stage.path("a"), { overwrite: true });
    await client.get("a", { output });
  });
  assert.equal(await Deno.readTextFile(stage.path("secret")), "secret");
  assert.equal(await Deno.readTextFile(stage.path("copy")), "new");
});

Deno.test("server makes a folder that is its owner's alone, and says nothing of it", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer({ shell: "umask 000" });
  assert.equal((await Deno.stat(server.root)).mode! & 0o777, 0o700);
  assert.doesNotMatch(server.log, /WARN/);
});

/** Starts a transfer that would take for ever; resolves when some of it has arrived. */
async function startEndless(stage: Stage, server: ServerProgram, direction: "send" | "get") {
  await Deno.mkdir(stage.path("copies"));
  const source = direction === "send" ? stage.path("endless") : path.join(server.root, "endless");
  using file = await Deno.open(source, { write: true, create: true });
  await file.truncate(200_000_000);
  const what = direction === "send" ? [source] : ["endless", "--output", stage.path("copies")];
  const client = stage.startClient([direction, ...what, "--server", server.address]);
  await stage.untilPartialFile(direction === "send" ? server.root : stage.path("copies"));
  return client;
}

for (const direction of ["send", "get"] as const) {
  Deno.test(`a folder that becomes a link in the middle of a ${direction} leads nothing elsewhere`, async () => {
    await using stage = await Stage.open();
    const server = await stage.startServer({ args: SLOW });
    await Deno.mkdir(stage.path("elsewhere"));
    const client = await startEndless(stage, server, direction);
    const folder = direction === "send" ? server.root : stage.path("copies");
    await Deno.rename(folder, stage.path("away"));
    await Deno.symlink("elsewhere", folder);
    // A second, short file has the same way.
    await writeRandomFile(stage.path("short"), 1000);
    if (direction === "send") {
      const sent = await stage.client(["send", stage.path("short"), "--server", server.address]);
      assert.equal(sent.code, 1);
      assert.match(
        sent.stderr,
        /^error: the server failed: the server's folder has gone; put it back, or start the server again\n$/,
      );
    }
    client.signal("SIGINT");
    assert.equal((await client.finished()).code, 130);
    assert.deepEqual(await namesIn(stage.path("elsewhere")), []);
    await Deno.remove(folder);
    await Deno.rename(stage.path("away"), folder);
    if (direction === "send") {
      const sent = await stage.client(["send", stage.path("short"), "--server", server.address]);
      assert.deepEqual([sent.code, sent.stderr], [0, ""]);
    }
  });
}

Deno.test("client saves through nothing that stands in its way, and sends nothing but files", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer({ args: ["--open"] });
  await Deno.mkdir(stage.path("copies"));
  await Deno.mkdir(stage.path("private"));
  const secret = stage.path("private", "secret");
  await Deno.writeTextFile(secret, "secret");
  await Deno.writeTextFile(path.join(server.root, "a"), "from the server");
  const traps = await setTraps(stage.path("copies"), secret);
  const before = await namesIn(stage.path("copies"));
  await withClient(server, async (client) => {
    for (const { name, says } of traps) {
      const output = stage.path("copies", name);
      await assertFails(client.get("a", { output, ifExists: "replace" }), { kind: "local-disk", says });
    }
    assert.deepEqual(await namesIn(stage.path("copies")), before);
    for (const { name } of traps.filter(({ name }) => name !== "folder")) {
      const output = stage.path("copies", name);
      assert.equal((await client.get("a", { output })).savedAs, `${output}_received`);
      await Deno.remove(`${output}_received`);
    }
    assert.deepEqual(await namesIn(stage.path("copies")), before);
    for (const { name } of traps.filter(({ name }) => name !== "link")) {
      const says =
        /folders cannot be sent yet|device, FIFO or socket|does not exist|symbolic link that leads to no file/;
      await assertFails(client.send(stage.path("copies", name)), { kind: "local-disk", says });
    }
    // A person who names a link means the file.
    await client.send(stage.path("copies", "link"));
  });
  assert.equal(await Deno.readTextFile(path.join(server.root, "link")), "secret");
  assert.equal(await Deno.readTextFile(secret), "secret");
  assert.deepEqual(await namesIn(stage.path("private")), ["secret"]);
});
