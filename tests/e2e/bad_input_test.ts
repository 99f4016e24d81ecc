// What a person can get wrong, and what a machine can refuse: each ends with its exit code and one clear line, no stack
// trace, and nothing lost.

import assert from "node:assert/strict";
import path from "node:path";
import { assertSameFile, namesIn, writeRandomFile } from "../../testing/programs/files.ts";
import { type Finished, type Program, Stage } from "../../testing/programs/programs.ts";

/** A command line and how it must end. */
interface Mistake {
  readonly what: string;
  readonly args: readonly string[];
  readonly code: number;
  /** What its line says. */
  readonly says: RegExp;
}

/** Checks the exit code, and that standard error says what is wrong in one line; a wrong usage, also where to look. */
function assertMistake(finished: Finished, expected: { code: number; says: RegExp }): void {
  const { code, stdout, stderr } = finished;
  const [line = "", ...rest] = stderr.trimEnd().split("\n").filter((line) => !/^\(Did you mean .*\?\)$/.test(line));
  assert.match(line, /^error: /);
  assert.match(line, expected.says);
  assert.deepEqual(rest, expected.code === 2 && rest.length > 0 ? ["Try --help."] : []);
  assert.equal(stdout, "");
  assert.equal(code, expected.code);
}

const SERVER_MISTAKES: readonly Mistake[] = [
  { what: "an unknown option", args: ["--fast"], code: 2, says: /unknown option '--fast'/ },
  { what: "port 99999", args: ["--port", "99999"], code: 2, says: /'99999'.*from 0 to 65535/ },
  { what: "port -1", args: ["--port", "-1"], code: 2, says: /'-1'.*from 0 to 65535/ },
  { what: "port 80.5", args: ["--port", "80.5"], code: 2, says: /'80\.5'.*whole number/ },
  { what: "a word for a port", args: ["--port", "http"], code: 2, says: /'http'.*whole number/ },
  { what: "no port after --port", args: ["--port"], code: 2, says: /argument missing/ },
  { what: "a folder that is not UTF-8", args: ["--root", "z\ufffd"], code: 2, says: /"z\ufffd" is not valid UTF-8/ },
  { what: "a word that is no command", args: ["here"], code: 2, says: /unknown command "here"; the only one is key/ },
  { what: "a host that is none", args: ["--host", "not a host"], code: 2, says: /'not a host'/ },
  { what: "a fault that is none", args: ["--simulate", "explode=1%"], code: 2, says: /Unknown fault 'explode'/ },
  { what: "a share above 100 %", args: ["--simulate", "drop=200%"], code: 2, says: /more than 100%/ },
  {
    what: "an address of another machine",
    args: ["--host", "192.0.2.1", "--port", "0", "--open"],
    code: 1,
    says: /192\.0\.2\.1 is not an address of this machine/,
  },
  {
    what: "a server that is open by mistake",
    args: ["--host", "::"],
    code: 2,
    says: /other machines can reach ::.*--open/,
  },
  { what: "a missing file of keys", args: ["--authorized-keys", "none"], code: 6, says: /none, the keys of clients/ },
  { what: "a file for a root", args: ["--root", "a-file", "--port", "0"], code: 6, says: /"a-file"/ },
  {
    what: "a root below a file",
    args: ["--root", "a-file/storage", "--port", "0"],
    code: 6,
    says: /"a-file\/storage"/,
  },
];

Deno.test("server program answers each mistake with its exit code and one line", async (t) => {
  await using stage = await Stage.open();
  await Deno.writeTextFile(stage.path("a-file"), "precious");
  for (const { what, args, code, says } of SERVER_MISTAKES) {
    await t.step(what, async () => assertMistake(await stage.runServer(args).finished(), { code, says }));
  }
  await t.step("a port that is taken", async () => {
    const server = await stage.startServer();
    const second = stage.runServer(["--port", String(server.port), "--root", stage.path("other")]);
    assertMistake(await second.finished(), { code: 1, says: /in use by another program.*choose another port/ });
  });
  assert.equal(await Deno.readTextFile(stage.path("a-file")), "precious");
});

const CLIENT_MISTAKES: readonly Mistake[] = [
  { what: "an unknown option", args: ["send", "a-file", "--fast"], code: 2, says: /unknown option '--fast'/ },
  { what: "an unknown command", args: ["snd", "a-file"], code: 2, says: /unknown command "snd".* send, get,/ },
  { what: "no file", args: ["send"], code: 2, says: /missing required argument 'file'/ },
  { what: "no name", args: ["get"], code: 2, says: /missing required argument 'name'/ },
  { what: "port 99999", args: ["127.0.0.1", "99999"], code: 2, says: /"99999".*from 1 to 65535/ },
  { what: "a word for a port", args: ["127.0.0.1", "http"], code: 2, says: /"http".*whole number/ },
  { what: "--server with port 0", args: ["list", "--server", "localhost:0"], code: 2, says: /from 1 to 65535/ },
  { what: "--server with no host", args: ["list", "--server", ":65432"], code: 2, says: /":65432".*host/ },
  { what: "bare IPv6", args: ["list", "--server", "::1"], code: 2, says: /in brackets: \[::1\]:65432/ },
  { what: "an endless timeout", args: ["list", "--timeout", "0"], code: 2, says: /'0'.*number of seconds/ },
  { what: "one name for two files", args: ["send", "a-file", "b", "--as", "c"], code: 2, says: /--as names one file/ },
];

Deno.test("client program answers each mistake with its exit code and one line, without a server", async (t) => {
  await using stage = await Stage.open();
  for (const { what, args, code, says } of CLIENT_MISTAKES) {
    await t.step(what, async () => assertMistake(await stage.client(args), { code, says }));
  }
  await t.step("SLUICE_SERVER that is no address", async () => {
    const finished = await stage.client(["list"], { env: { SLUICE_SERVER: "here:there" } });
    assertMistake(finished, { code: 2, says: /SLUICE_SERVER is "here:there".*whole number/ });
  });
  await t.step("nothing at all", async () => {
    const { code, stdout, stderr } = await stage.client([]);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, /^Usage: sluice /);
  });
});

/** Names that no server takes. */
const BAD_NAMES: readonly { readonly name: string; readonly says: RegExp }[] = [
  { name: "", says: /may not be empty/ },
  { name: "n".repeat(300), says: /may not be longer than 255 bytes/ },
  { name: "../up", says: /may not be "\." or "\.\."/ },
  { name: "/etc/passwd", says: /may not begin or end with "\/"/ },
  { name: "folder//file", says: /or contain "\/\/"/ },
  { name: "folder/../../up", says: /may not be "\." or "\.\."/ },
  { name: "..", says: /may not be "\." or "\.\."/ },
  { name: ".sluice-0123.part", says: /reserved for partial files/ },
];

Deno.test("client program takes no bad name, neither to send nor to get", async (t) => {
  await using stage = await Stage.open();
  const server = await stage.startServer();
  await Deno.writeTextFile(stage.path("a-file"), "precious");
  for (const { name, says } of BAD_NAMES) {
    await t.step(JSON.stringify(name.slice(0, 20)), async () => {
      const target = ["--server", server.address];
      assertMistake(await stage.client(["send", "a-file", "--as", name, ...target]), { code: 2, says });
      assertMistake(await stage.client(["get", ...target, "--", name]), { code: 2, says });
    });
  }
  assert.deepEqual(await namesIn(server.root), []);
  assert.deepEqual(await namesIn(stage.folder), ["a-file", "storage"]);
});

Deno.test("client program tells what cannot be read or written here, and which folder has no name", async (t) => {
  await using stage = await Stage.open();
  const server = await stage.startServer();
  const target = ["--server", server.address];
  await Deno.writeTextFile(path.join(server.root, "there"), "content");
  await Deno.mkdir(stage.path("folder"));
  await Deno.mkdir(stage.path("there"));
  const unreadable = await findUnreadable(stage.path("unreadable"));
  const mistakes: Mistake[] = [
    {
      what: "the current folder to send",
      args: ["send", "."],
      code: 2,
      says: /"\." gives the folder no name on the server; use --as NAME/,
    },
    {
      what: "the whole disk to send",
      args: ["send", "/"],
      code: 2,
      says: /"\/" gives the folder no name on the server; use --as NAME/,
    },
    { what: "a missing file", args: ["send", "missing"], code: 6, says: /"missing" does not exist/ },
    { what: "a file below a file", args: ["send", "storage/there/x"], code: 6, says: /below something.*not a folder/ },
    { what: "a device", args: ["send", "/dev/zero"], code: 6, says: /is a device, FIFO or socket, not a file/ },
    { what: "a folder in the way", args: ["get", "there"], code: 6, says: /"there" is a folder/ },
    {
      what: "a missing folder to save in",
      args: ["get", "there", "--output", "nowhere/there"],
      code: 6,
      says: /"nowhere" does not exist; create it first/,
    },
  ];
  if (unreadable !== undefined) {
    mistakes.push({
      what: "a file without permission",
      args: ["send", unreadable],
      code: 6,
      says: /cannot be accessed: .*permission/,
    });
  }
  for (const { what, args, code, says } of mistakes) {
    await t.step(what, async () => assertMistake(await stage.client([...args, ...target]), { code, says }));
  }
  await t.step("a missing folder for many", async () => {
    const finished = await stage.client(["get", "there", "other", "--output", "nowhere", ...target]);
    assertMistake(finished, { code: 2, says: /"nowhere" is not an existing folder/ });
  });
  await t.step("a place that is taken", async () => {
    await Deno.writeTextFile(stage.path("kept"), "older");
    const finished = await stage.client(["get", "there", "--output", "kept", "--quiet", ...target]);
    assertMistake(finished, { code: 6, says: /"kept" already exists; use --force to replace it, or --output/ });
    assert.equal(await Deno.readTextFile(stage.path("kept")), "older");
  });
  assert.deepEqual(await namesIn(server.root), ["there"]);
  assert.deepEqual(await namesIn(stage.path("there")), []);
});

/**
 * A regular file that this user may not read. What root may not read either is a kernel's attribute that is for
 * writing alone.
 */
async function findUnreadable(own: string): Promise<string | undefined> {
  await Deno.writeTextFile(own, "secret", { mode: 0o000 });
  for (const candidate of [own, "/sys/bus/cpu/drivers_probe", "/sys/bus/platform/drivers_probe"]) {
    try {
      (await Deno.open(candidate)).close();
    } catch (error) {
      // NotCapable: Deno itself keeps programs from there, unless they may do everything.
      if (error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable) return candidate;
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return undefined;
}

Deno.test("client program tells what the server refuses, with exit code 3 or 4", async (t) => {
  await using stage = await Stage.open();
  const server = await stage.startServer();
  const target = ["--server", server.address];
  const stored = path.join(server.root, "taken");
  await Deno.writeTextFile(stored, "precious");
  await writeRandomFile(stage.path("taken"), 300_000);
  await t.step("a file that is not there", async () => {
    const finished = await stage.client(["get", "missing", ...target]);
    assertMistake(finished, { code: 3, says: /"missing" does not exist/ });
  });
  await t.step("a name that is taken", async () => {
    const finished = await stage.client(["send", "taken", ...target]);
    assertMistake(finished, {
      code: 4,
      says: /"taken" already exists; use --force to replace it, or --as for another name/,
    });
    assert.equal(await Deno.readTextFile(stored), "precious");
    // The advice is for the client's user, the log for the server's administrator.
    await server.program.says(/put "taken" refused: "taken" already exists$/m);
  });
  await t.step("a name that is taken, with --force", async () => {
    assert.equal((await stage.client(["send", "taken", "--force", ...target])).code, 0);
    await assertSameFile(stored, stage.path("taken"));
  });
  await t.step("a name that a folder has, with --force", async () => {
    await Deno.mkdir(path.join(server.root, "folder"));
    const finished = await stage.client(["send", "taken", "--as", "folder", "--force", ...target]);
    assertMistake(finished, { code: 4, says: /"folder" is a folder/ });
  });
  await t.step("a symbolic link", async () => {
    await Deno.symlink(stage.path("taken"), path.join(server.root, "link"));
    const finished = await stage.client(["get", "link", ...target]);
    assertMistake(finished, { code: 4, says: /"link" is a symbolic link/ });
    assertMistake(await stage.client(["send", "taken", "--as", "link", "--force", ...target]), {
      code: 4,
      says: /"link" is a symbolic link/,
    });
  });
  assert.deepEqual(await namesIn(server.root), ["folder", "link", "taken"]);
  await t.step("a server that takes nothing", async () => {
    const readOnly = await stage.startServer({ root: "archive", args: ["--read-only"] });
    await Deno.writeTextFile(stage.path("archive", "old"), "content");
    const sent = await stage.client(["send", "taken", "--server", readOnly.address]);
    assertMistake(sent, { code: 4, says: /"taken".*only gives files/ });
    assert.equal((await stage.client(["get", "old", "--server", readOnly.address])).code, 0);
    assert.deepEqual(await namesIn(stage.path("archive")), ["old"]);
  });
  const fullOf = async (option: string, says: RegExp) => {
    const full = await stage.startServer({ root: `full${option}`, args: [option, "1"] });
    const first = stage.startClient(["127.0.0.1", String(full.port)], { stdin: "ls\n", keepStdinOpen: true });
    await full.program.says(/listed 0 entries/);
    const second = await stage.client(["list", "--server", full.address, "--retry-for", "0"]);
    assertMistake(second, { code: 4, says });
    first.signal("SIGINT");
    await first.finished();
  };
  await t.step("a server that is full", async () => {
    await fullOf("--max-connections", /the server is full, with 1 connection; try again later/);
  });
  await t.step("a server that has enough of an address", async () => {
    await fullOf("--max-connections-per-address", /enough of your address, with 1 connection; try again later/);
  });
});

Deno.test("client program gives up on a server that does not answer, with exit code 5", async (t) => {
  await using stage = await Stage.open();
  const silent = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const address = `127.0.0.1:${(silent.addr as Deno.NetAddr).port}`;
  const noAnswer = {
    code: 5,
    says: new RegExp(`no response from ${address.replaceAll(".", "\\.")} after 500 ms: is the server running`),
  };
  try {
    await t.step("silence", async () => {
      assertMistake(await stage.client(["list", "--timeout", "0.5", "--server", address]), noAnswer);
    });
  } finally {
    silent.close();
  }
  await t.step("a closed port", async () => {
    const says = new RegExp(`^error: ${address}: connection refused: no server listens on this port$`, "m");
    // Where the system tells of it, the timeout does not matter.
    assertMistake(await stage.client(["list", "--timeout", "60", "--server", address]), { code: 5, says });
    assertMistake(await stage.client(["list", "--no-native", "--timeout", "0.5", "--server", address]), noAnswer);
  });
});

/** Files may not grow beyond this many blocks of 512 or 1024 bytes, as if the disk were full. */
const FULL_DISK = 'trap "" XFSZ; ulimit -f 200';

Deno.test("server program on a full disk refuses what does not fit, keeps nothing of it and goes on", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer({ shell: FULL_DISK });
  const target = ["--server", server.address];
  await writeRandomFile(stage.path("large"), 1_000_000);
  await writeRandomFile(stage.path("small"), 50_000);
  assertMistake(await stage.client(["send", "large", ...target]), { code: 4, says: /"large" cannot be written/ });
  assert.deepEqual(await namesIn(server.root), []);
  assert.equal((await stage.client(["send", "small", ...target])).code, 0);
  await assertSameFile(path.join(server.root, "small"), stage.path("small"));
});

Deno.test("client program on a full disk says so, keeps nothing and what was there", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer();
  await writeRandomFile(path.join(server.root, "large"), 1_000_000);
  await Deno.mkdir(stage.path("copies"));
  await Deno.writeTextFile(stage.path("copies", "large"), "precious");
  const args = ["get", "large", "--force", "--output", stage.path("copies"), "--server", server.address];
  const finished: Program = stage.startClient(args, { shell: FULL_DISK });
  assertMistake(await finished.finished(), { code: 6, says: /large" cannot be written/ });
  assert.deepEqual(await namesIn(stage.path("copies")), ["large"]);
  assert.equal(await Deno.readTextFile(stage.path("copies", "large")), "precious");
});
