import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { type ClientArguments, parseClientArguments } from "../../../cli/client_arguments.ts";
import { DEFAULT_TREE_OPTIONS, type TreeOptions } from "../../../cli/tree_options.ts";
import { assertFits, FakeContext } from "../../../testing/cli_fakes.ts";

/** A context in which SLUICE_SERVER may be set. */
function contextWith(defaultServer: string | undefined): FakeContext {
  const context = new FakeContext();
  if (defaultServer !== undefined) context.variables.set("SLUICE_SERVER", defaultServer);
  return context;
}

function parse(args: readonly string[], defaultServer?: string): ClientArguments {
  const context = contextWith(defaultServer);
  const parsed = parseClientArguments(args, context);
  assert.ok("value" in parsed, context.console.errLines.join("\n"));
  return parsed.value;
}

function refusal(args: readonly string[], defaultServer?: string): string[] {
  const context = contextWith(defaultServer);
  assert.deepEqual(parseClientArguments(args, context), { exitCode: 2 });
  assert.deepEqual(context.console.outLines, []);
  return context.console.errLines;
}

Deno.test("parseClientArguments reads send with its options, wherever they stand", () => {
  const { connection, quiet, task } = parse(["--quiet", "send", "a", "--as", "b", "-f", "--server", "h:7"]);
  const tree = { ...DEFAULT_TREE_OPTIONS, ifDifferent: "replace" };
  assert.deepEqual(task, { kind: "send", files: ["a"], as: "b", tree });
  assert.deepEqual(connection, { host: "h", port: 7 });
  assert.equal(quiet, true);
  const plain = { kind: "send", files: ["a", "b"], as: undefined, tree: DEFAULT_TREE_OPTIONS };
  assert.deepEqual(parse(["send", "a", "b"]).task, plain);
});

Deno.test("parseClientArguments reads how to compare and mirror, for send and for get", () => {
  for (const command of ["send", "get"]) {
    const tree = (...options: string[]) => {
      const { task } = parse([command, "a", ...options]);
      assert.ok(task.kind === "send" || task.kind === "get");
      const changed = Object.entries(task.tree).filter(([name, value]) =>
        !isDeepStrictEqual(value, DEFAULT_TREE_OPTIONS[name as keyof TreeOptions])
      );
      return Object.fromEntries(changed);
    };
    assert.deepEqual(tree("-u", "--delete", "-y"), { ifDifferent: "update", mirror: true, isConfirmed: true });
    assert.deepEqual(tree("-c", "-n"), { checksum: true, dryRun: true });
    assert.deepEqual(tree("--modify-window", "2"), { timeWindowUs: 2_000_000 });
    assert.match(refusal([command, "a", "-u", "-f"])[0]!, /'-f, --force' cannot be used with option '-u, --update'/);
    assert.match(refusal([command, "a", "--modify-window", "-1"])[0]!, /seconds from 0 to 86400/);
  }
});

Deno.test("parseClientArguments keeps the order of patterns, those of a file among them", () => {
  const { task } = parse([
    "send",
    "a",
    "--exclude",
    "*.jpg",
    "--include",
    "b",
    "--exclude-from",
    "f",
    "--exclude",
    "c",
  ]);
  assert.deepEqual(task.kind === "send" && task.tree.patterns.map(({ kind, pattern }) => `${kind} ${pattern}`), [
    "exclude *.jpg",
    "include b",
    "exclude *.o",
    "exclude c",
  ]);
});

Deno.test("parseClientArguments takes one name for one source, and a folder for many", () => {
  const { task } = parse(["send", "a", "b", "--as", "dir/"]);
  assert.equal(task.kind === "send" && task.as, "dir/");
  assert.match(refusal(["send", "a", "b", "--as", "c"])[0]!, /--as names one file, but 2 files are given/);
});

Deno.test("parseClientArguments reads get, list and HOST PORT", () => {
  assert.deepEqual(parse(["get", "a", "b", "-o", "dir"]).task, {
    kind: "get",
    names: ["a", "b"],
    output: "dir",
    tree: DEFAULT_TREE_OPTIONS,
  });
  assert.deepEqual(parse(["list"]).task, {
    kind: "list",
    target: undefined,
    long: false,
    recursive: false,
    sort: "name",
  });
  const interactive = parse(["::1", "7000"], "other:1");
  assert.deepEqual([interactive.task, interactive.connection], [{ kind: "interactive" }, { host: "::1", port: 7000 }]);
});

Deno.test("parseClientArguments takes the server from --server, else SLUICE_SERVER, else the usual one", () => {
  assert.deepEqual(parse(["list", "-s", "a:1"], "b:2").connection, { host: "a", port: 1 });
  assert.deepEqual(parse(["list"], "b:2").connection, { host: "b", port: 2 });
  assert.deepEqual(parse(["list"], "").connection, { host: "127.0.0.1", port: 65432 });
  assert.match(refusal(["list"], "b:x")[0]!, /SLUICE_SERVER/);
  assert.deepEqual(parse(["list", "-s", "a:1"], "b:x").connection, { host: "a", port: 1 });
});

Deno.test("parseClientArguments reads timeout and faults", () => {
  const { simulate, timeoutMs } = parse(["list", "--timeout", "1.5", "--simulate", "drop=10%"]).connection;
  assert.equal(timeoutMs, 1500);
  assert.equal(simulate?.drop, 0.1);
  assert.equal(parse(["list"]).connection.timeoutMs, undefined);
});

Deno.test("parseClientArguments reads how to send, at each command", () => {
  const policy = (...args: string[]) => parse(args).connection.sendPolicy;
  assert.deepEqual(policy("send", "a", "--rate", "80M"), { kind: "fixed", rateBytesPerSecond: 10_000_000 });
  assert.deepEqual(policy("--rate=1.5Gbit/s", "list"), { kind: "fixed", rateBytesPerSecond: 187_500_000 });
  assert.deepEqual(policy("::1", "7000", "--congestion", "cubic"), { kind: "cubic" });
  assert.equal(policy("get", "a"), undefined);
});

Deno.test("parseClientArguments answers a mistake with one line and the way to the help", () => {
  const mistakes: [string[], RegExp][] = [
    [["send"], /missing required argument/],
    [["send", "a", "b", "--as", "c"], /--as names one file, but 2 files are given/],
    [["send", "a", "--bogus"], /unknown option '--bogus'/],
    [["get"], /missing required argument/],
    [["list", "extra", "more"], /too many arguments/],
    [["list", "--server", "h:0"], /--server is "h:0": a port is a whole number from 1 to 65535/],
    [["list", "--timeout", "0"], /seconds/],
    [["list", "--simulate", "nonsense"], /Unknown fault 'nonsense': choose from/],
    [["list", "--congestion", "reno"], /'reno' is invalid\. Allowed choices are bbr, cubic\./],
    [["list", "--rate", "fast"], /A rate is a number of bits per second, such as 800k, 80M or 1\.5G/],
    [
      ["list", "--rate", "8M", "--congestion", "bbr"],
      /'--rate, --fixed-rate <rate>' cannot be used with .*'--congestion <name>'/,
    ],
    [
      ["snd"],
      /^error: unknown command "snd" \(did you mean send\?\); the commands are send, get, list, .* and serve;/,
    ],
    [["sned", "report.pdf"], /^error: unknown command "sned" \(did you mean send\?\)/],
    [["snd", "a"], /^error: unknown command "snd"/],
    [["snd", "a", "b", "c"], /^error: unknown command "snd"/],
    [["snd", "a", "--as", "b"], /^error: unknown command "snd"/],
    [["--quiet", "snd", "a"], /^error: unknown command "snd"/],
    [["files.example.org"], /^error: unknown command "files\.example\.org";.* HOST PORT starts an interactive session/],
    [["snd\x1b[2J", "a"], /^error: unknown command "snd\\x1b\[2J"/],
    [
      ["192.0.2.7", "http"],
      /^error: "http": a port is a whole number .*; the commands are send, get, .* and serve/,
    ],
    [["--bogus", "h", "7"], /unknown option '--bogus'/],
    [["h", "7", "--bogus"], /unknown option '--bogus'/],
    [["host", "70000"], /a port is a whole number/],
    [["a/b", "7000"], /a host is a name or an IP address/],
  ];
  for (const [args, message] of mistakes) {
    const lines = refusal(args);
    assert.match(lines[0]!, message);
    assert.deepEqual(lines.slice(1), ["Try --help."], args.join(" "));
  }
});

Deno.test("parseClientArguments begins each sentence of an error with a capital letter", () => {
  for (
    const [option, value] of [
      ["--timeout", "0"],
      ["--server-key", "abc"],
      ["--congestion", "reno"],
      ["--rate", "fast"],
      ["--rate", "8MB/s"],
      ["--rate", "1"],
      ["--simulate", "loss=1%"],
      ["--simulate", "drop=10"],
      ["--simulate", "drop=ten"],
      ["--simulate", "delay=-5ms"],
      ["--simulate", "seed=x"],
    ] as const
  ) {
    const [line] = refusal(["list", option, value]);
    assert.match(line!, /^error: option '.*' argument '.*' is invalid\. (?:[A-Z]|'.*' is )/);
  }
});

Deno.test("parseClientArguments without arguments shows the help as a mistake", () => {
  assert.match(refusal([])[0]!, /^Usage: sluice/);
});

Deno.test("parseClientArguments lays its help out for 80 columns, or a narrower terminal", () => {
  for (const args of [["--help"], ["send", "--help"], ["get", "--help"], ["list", "--help"], ["key", "--help"]]) {
    const context = new FakeContext();
    parseClientArguments(args, context);
    assertFits(context.console.outLines);
  }
  assertFits(refusal([]));
  const narrow = new FakeContext();
  narrow.console.width = 72;
  parseClientArguments(["get", "--help"], narrow);
  assertFits(narrow.console.outLines, { columns: 72 });
});

Deno.test("parseClientArguments shows help with examples, and the version, and ends well", () => {
  for (const args of [["--help"], ["send", "--help"], ["get", "-h"]]) {
    const context = new FakeContext();
    assert.deepEqual(parseClientArguments(args, context), { exitCode: 0 });
    const text = context.console.outLines.join("\n");
    assert.match(text, /^Usage: sluice/);
    assert.match(text, /Example/);
    assert.match(text, /--server <host:port>/);
  }
});

Deno.test("parseClientArguments takes --follow for one file", () => {
  assert.deepEqual(parse(["send", "log", "--follow"]).task, {
    kind: "send",
    files: ["log"],
    as: undefined,
    tree: DEFAULT_TREE_OPTIONS,
    follow: true,
  });
});

Deno.test("parseClientArguments takes places as scp does, and leaves alone what is a file or a name", () => {
  const sent = (...args: string[]) => {
    const { connection: { host, port }, task } = parse(["send", ...args]);
    assert.ok(task.kind === "send");
    return [host, port, task.as, ...task.files];
  };
  assert.deepEqual(sent("a.iso", "host:isos/"), ["host", 65432, "isos/", "a.iso"]);
  assert.deepEqual(sent("a", "b", "host:7000:isos/"), ["host", 7000, "isos/", "a", "b"]);
  assert.deepEqual(sent("a", "[2001:db8::7]:b"), ["2001:db8::7", 65432, "b", "a"]);
  assert.deepEqual(sent("a", "[::1]:7000:."), ["::1", 7000, undefined, "a"]);
  assert.deepEqual(sent("a", "host:"), ["host", 65432, undefined, "a"]);
  // A file of this name, a drive, a path, a time of day, and an only file.
  for (const last of ["dir", "c:x", "./a:b", "12:30"]) {
    assert.deepEqual(sent("a", last), ["127.0.0.1", 65432, undefined, "a", last]);
  }
  const got = (...args: string[]) => {
    const { connection: { host, port }, task } = parse(["get", ...args]);
    assert.ok(task.kind === "get");
    return [host, port, task.output, ...task.names];
  };
  assert.deepEqual(got("host:a", "."), ["host", 65432, ".", "a"]);
  assert.deepEqual(got("host:a", "host:b/", "dir"), ["host", 65432, "dir", "a", "b/"]);
  assert.deepEqual(got("[::1]:7000:a"), ["::1", 7000, undefined, "a"]);
  assert.deepEqual(got("host:", "--output", "x"), ["host", 65432, "x", "."]);
  assert.deepEqual(got("a:b", "c", "--server", "h:1"), ["h", 1, undefined, "a:b", "c"]);
  assert.deepEqual(got("a", "b"), ["127.0.0.1", 65432, undefined, "a", "b"]);
  const managed = (...args: string[]) => {
    const { connection: { host }, task } = parse(args);
    return [host, task];
  };
  assert.deepEqual(managed("mv", "host:a", "host:b"), ["host", {
    kind: "move",
    name: "a",
    newName: "b",
    force: false,
  }]);
  assert.deepEqual(managed("mkdir", "host:a"), ["host", { kind: "make-folders", names: ["a"] }]);
  const [host, listed] = managed("list", "host:");
  assert.deepEqual([host, typeof listed === "object" && "target" in listed && listed.target], ["host", undefined]);
});

Deno.test("parseClientArguments takes a word for a file if there is one of that name", () => {
  const context = new FakeContext();
  context.entryAt = (path) => path === "host:x" ? "other" : undefined;
  const parsed = parseClientArguments(["send", "a", "host:x"], context);
  assert.ok("value" in parsed && parsed.value.task.kind === "send");
  assert.deepEqual(parsed.value.task.files, ["a", "host:x"]);
});

Deno.test("parseClientArguments says what is wrong with a place, and what to write", () => {
  const mistakes: [string[], RegExp][] = [
    [["send", "a", "me@host:x"], /"me@host:x": there are no user names: .*; write host:x/],
    [["send", "a", "http://host/x"], /write a server without "http:\/\/": host/],
    [["list", "--server", "http://host:7000"], /write a server without "http:\/\/": host:7000/],
    [["list", "--server", "me@host"], /write host$/],
    [["send", "a", "host:/tmp/"], /names on a server have no "\/" in front: write "host:tmp\/"/],
    [["send", "host:"], /where to send to, but there is no file to send/],
    [["send", "a", "host:x", "--as", "b"], /give "host:x" or --as, not both/],
    [["send", "a", "host:x", "--server", "h"], /give "host:x" or --server, not both/],
    [["send", "a", "b", "host:x"], /"host:x" names one file, but 2 files are given; "host:x\/" stores all below it/],
    [["get", "host:a", "other:b"], /one command talks to one server only/],
    [["get", "host:a", "b", "c"], /"b" names no server, but "host:a" does/],
    [["mv", "host:a", "b"], /"b" names no server/],
    [["rm", "a", "host:b"], /"host:b" names a server, but "a" does not/],
    [["rm", "[::x]:b"], /this is not an IPv6 address/],
  ];
  for (const [args, message] of mistakes) assert.match(refusal(args)[0]!, message, args.join(" "));
});

Deno.test("parseClientArguments opens a session with HOST:PORT, a server's name, or HOST:", () => {
  const opened = (...args: string[]) => parse(args).connection;
  assert.deepEqual(opened("host:7000"), { host: "host", port: 7000 });
  assert.deepEqual(opened("host:"), { host: "host", port: 65432 });
  assert.deepEqual(opened("[::1]"), { host: "::1", port: 65432 });
  assert.match(refusal(["http://host"])[0]!, /without "http:\/\/"/);
});

const CONFIG = `server = "work"
quiet = true
fixed-rate = "8M"

[send]
update = true
exclude = ["*.tmp", "*.bak"]

[servers.work]
address = "files.example.org:7000"
key = "jJbUoyxN9VhHJP1sRIzbYyfKIMzCQ-OK7wqz9SVvYF4"
token-file = "~/token"

[servers.home]
address = "[::1]"
`;

Deno.test("parseClientArguments takes an option from the command line, else the environment, else the config file", () => {
  const withSettings = (args: readonly string[], variables: Readonly<Record<string, string>> = {}) => {
    const context = new FakeContext();
    context.config = CONFIG;
    for (const [name, value] of Object.entries(variables)) context.variables.set(name, value);
    const parsed = parseClientArguments(args, context);
    assert.ok("value" in parsed, context.console.errLines.join("\n"));
    return parsed.value;
  };
  const usual = withSettings(["list"]);
  assert.deepEqual([usual.connection.host, usual.connection.port], ["files.example.org", 7000]);
  assert.equal(usual.tokenFile, "/me/token");
  assert.equal(usual.serverKey?.source, "config.toml, line 11: servers.work.key");
  assert.equal(usual.quiet, true);
  assert.deepEqual(usual.connection.sendPolicy, { kind: "fixed", rateBytesPerSecond: 1_000_000 });
  const home = withSettings(["list", "home:"]);
  assert.deepEqual([home.connection.host, home.serverKey, home.tokenFile], ["::1", undefined, undefined]);
  assert.equal(withSettings(["home"]).connection.host, "::1");
  assert.equal(withSettings(["list"], { SLUICE_SERVER: "home" }).connection.host, "::1");
  assert.equal(withSettings(["list", "-s", "work"], { SLUICE_SERVER: "home" }).connection.port, 7000);
  assert.equal(withSettings(["list"], { SLUICE_QUIET: "no" }).quiet, false);
  assert.equal(withSettings(["list"], { SLUICE_TOKEN_FILE: "t" }).tokenFile, "t");
  assert.deepEqual(withSettings(["list"], { SLUICE_FIXED_RATE: "16M" }).connection.sendPolicy, {
    kind: "fixed",
    rateBytesPerSecond: 2_000_000,
  });
  // What conflicts with a stronger source does not count.
  assert.deepEqual(withSettings(["list", "--congestion", "bbr"]).connection.sendPolicy, { kind: "bbr" });
  const tree = (...args: string[]) => {
    const { task } = withSettings(["send", "a", ...args], { SLUICE_SEND_INCLUDE: "keep.bak" });
    assert.ok(task.kind === "send");
    return [task.tree.ifDifferent, ...task.tree.patterns.map(({ pattern }) => pattern)];
  };
  assert.deepEqual(tree("--exclude", "x"), ["update", "*.tmp", "*.bak", "keep.bak", "x"]);
  assert.equal(tree("--force")[0], "replace");
});

Deno.test("parseClientArguments says which setting is wrong, and where", () => {
  const wrong: [string, Readonly<Record<string, string>>, RegExp][] = [
    ["", { SLUICE_TIMEOUT: "soon" }, /^error: SLUICE_TIMEOUT is "soon": It must be a number of seconds/],
    ["", { SLUICE_QUIET: "maybe" }, /^error: SLUICE_QUIET is "maybe": it must be true or false/],
    ["\ntimeout = 0\n", {}, /^error: config\.toml, line 2: timeout: It must be a number of seconds/],
    ["quiet = 1", {}, /^error: config\.toml, line 1: quiet: it must be true or false/],
    ["server = 'a/b'", {}, /^error: config\.toml, line 1: server: "a\/b": a host is a name or an IP address/],
    ['fixed-rate = "8M"\ncongestion = "bbr"', {}, /the settings --congestion and --fixed-rate cannot be used together/],
  ];
  for (const [config, variables, message] of wrong) {
    const context = new FakeContext();
    context.config = config;
    for (const [name, value] of Object.entries(variables)) context.variables.set(name, value);
    assert.deepEqual(parseClientArguments(["list"], context), { exitCode: 2 }, config);
    assert.match(context.console.errLines[0]!, message);
  }
});
