// Whom the client takes for the server, and what the wire shows of a transfer.

import assert from "node:assert/strict";
import { namesIn, writeRandomFile } from "../../testing/programs/files.ts";
import { Stage } from "../../testing/programs/programs.ts";
import { Relay } from "../../testing/programs/relay.ts";

const KEY = /[\w-]{43}/;

Deno.test("server shows its key when it starts, and by its command, and keeps it", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer();
  const [, key] = /key ([\w-]{43})$/m.exec(server.log)!;
  const shown = await stage.runServer(["key"]).finished();
  assert.deepEqual(shown, { code: 0, stdout: `${key}\n`, stderr: "" });
  await server.stop();
  const again = await stage.startServer({ port: server.port });
  assert.match(again.log, new RegExp(`key ${key}$`, "m"));
});

Deno.test("client remembers a server's key, says so once, and sends nothing to one that has another", async () => {
  await using stage = await Stage.open();
  const first = await stage.startServer({ args: ["--open", "--state", "first-state"] });
  const target = ["--server", first.address];
  const program = stage.startClient(["list", ...target]);
  assert.equal((await program.finished()).code, 0);
  assert.match(
    program.stderr,
    new RegExp(`^First connection to ${first.address}\\. Its key is ${KEY.source} \\(saved\\)`),
  );
  const next = stage.startClient(["list", ...target]);
  assert.equal((await next.finished()).code, 0);
  assert.equal(next.stderr, "");
  await first.stop();

  const impostor = await stage.startServer({
    port: first.port,
    root: "other",
    args: ["--state", stage.path("other-state")],
  });
  await writeRandomFile(stage.path("secret"), 1_000);
  const { code, stderr } = await stage.client(["send", "secret", ...target]);
  assert.equal(code, 4);
  assert.match(stderr, /^error: the key of \S+ is \S{43}, but \S+known_servers has \S{43}\. Nothing was sent/);
  assert.match(
    stderr,
    new RegExp(`If the server was reinstalled, run .sluice hosts forget ${first.address}.;`),
  );
  assert.deepEqual(await namesIn(impostor.root), []);
  assert.doesNotMatch(impostor.log, / connected/);
});

Deno.test("client forgets a server, and meets it for the first time again", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer({ args: ["--open", "--state", "other-state"] });
  const target = ["--server", server.address];
  const contact = async () => {
    const program = stage.startClient(["list", ...target, "--accept-new"]);
    assert.equal((await program.finished()).code, 0);
    return program.stderr;
  };
  assert.match(await contact(), /^First connection/);
  assert.equal(await contact(), "");
  const [, key] = /key ([\w-]{43})$/m.exec(server.log)!;
  assert.deepEqual(await stage.client(["hosts"]), { code: 0, stdout: `${server.address} ${key}\n`, stderr: "" });
  assert.equal((await stage.client(["hosts", "forget", server.address])).code, 0);
  assert.deepEqual(await stage.client(["hosts"]), { code: 0, stdout: "", stderr: "" });
  assert.match(await contact(), /^First connection/);
});

Deno.test("server of this machine alone serves the client of its user, and nobody else unasked", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer();
  assert.match(server.log, / for your own client only \(--open: for every user of this machine\)/);
  await writeRandomFile(stage.path("secret"), 1_000);
  const target = ["--server", server.address];
  assert.deepEqual((await stage.client(["send", "secret", ...target])).stderr, "", "their own server is no news");
  for (const command of [["list"], ["send", "secret", "--as", "mine"], ["get", "secret", "-o", "stolen"]]) {
    const other = await stage.client([...command, ...target, "--state", "of-somebody-else"]);
    assert.equal(other.code, 4, command.join(" "));
    assert.match(other.stderr, /error: access denied: the server does not know your key/);
  }
  assert.deepEqual(await namesIn(server.root), ["secret"]);
});

Deno.test("client takes the key that it was given, and no other", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer();
  const { stdout } = await stage.runServer(["key"]).finished();
  const target = ["--server", server.address];
  assert.equal((await stage.client(["list", ...target, "--server-key", stdout.trim()])).code, 0);
  const wrong = await stage.client(["list", ...target, "--server-key", "A".repeat(43)]);
  assert.equal(wrong.code, 4);
  assert.match(wrong.stderr, /but --server-key has A{43}\. Nothing was sent/);
  assert.match(wrong.stderr, /If the server was reinstalled, pass the key that it has now; otherwise SOMEONE/);
  const mistyped = await stage.client(["list", ...target, "--server-key", "abc"]);
  assert.equal(mistyped.code, 2);
  assert.match(mistyped.stderr, /A key is the 43 characters/);
});

Deno.test("programs show neither name nor content on the wire", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer();
  const wire: Uint8Array[] = [];
  const note = (bytes: Uint8Array): void => void wire.push(bytes);
  using relay = new Relay(server.port, { toServer: note, toClient: note });
  await Deno.writeTextFile(stage.path("the-name-of-it"), "what is in it, ".repeat(1_000));
  const target = ["--server", `127.0.0.1:${relay.port}`, "--quiet"];
  assert.equal((await stage.client(["send", "the-name-of-it", ...target])).code, 0);
  const text = wire.map((bytes) => new TextDecoder("latin1").decode(bytes)).join("");
  assert(text.length > 15_000, "the file went through the relay");
  for (const needle of ["the-name-of-it", "what is in it"]) assert.equal(text.includes(needle), false, needle);
});

Deno.test("programs without a place for keys say what to set, and believe nothing in the current folder", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer({ args: ["--open"] });
  const [, key] = /key ([\w-]{43})$/m.exec(server.log)!;
  const nowhere = { SLUICE_STATE: "", XDG_STATE_HOME: "", HOME: "", LOCALAPPDATA: "" };
  const target = ["list", "--server", server.address];
  for (
    const finished of [
      await stage.client(target, { env: nowhere }),
      await stage.client(["key"], { env: nowhere }),
      await stage.runServer(["key"], { env: nowhere }).finished(),
      await stage.runServer(["--port", "0"], { env: nowhere }).finished(),
    ]
  ) {
    assert.match(finished.stderr, /^error: there is no folder to keep keys in, .* set; pass --state FOLDER, .*\n$/);
    assert.deepEqual([finished.code, finished.stdout], [2, ""]);
  }
  const pinned = await stage.client([...target, "--server-key", key!], { env: nowhere });
  assert.deepEqual(pinned, { code: 0, stdout: "", stderr: "" });
  assert.deepEqual(await namesIn(stage.folder), ["storage"]);
});
