import assert from "node:assert/strict";
import { type ClientArguments, parseClientArguments } from "../../../cli/client_arguments.ts";
import { FakeConsole } from "../../../testing/cli_fakes.ts";

function parse(args: readonly string[], defaultServer?: string): ClientArguments {
  const console = new FakeConsole();
  const parsed = parseClientArguments(args, { console, defaultServer });
  assert.ok("value" in parsed, console.errLines.join("\n"));
  return parsed.value;
}

function refusal(args: readonly string[], defaultServer?: string): string[] {
  const console = new FakeConsole();
  assert.deepEqual(parseClientArguments(args, { console, defaultServer }), { exitCode: 2 });
  assert.deepEqual(console.outLines, []);
  return console.errLines;
}

Deno.test("parseClientArguments reads send with its options, wherever they stand", () => {
  const { task, server, quiet } = parse(["--quiet", "send", "a", "--as", "b", "-f", "--server", "h:7"]);
  assert.deepEqual(task, { kind: "send", files: ["a"], as: "b", force: true });
  assert.deepEqual(server, { host: "h", port: 7 });
  assert.equal(quiet, true);
  assert.deepEqual(parse(["send", "a", "b"]).task, { kind: "send", files: ["a", "b"], as: undefined, force: false });
});

Deno.test("parseClientArguments reads get, list and HOST PORT", () => {
  assert.deepEqual(parse(["get", "a", "b", "-o", "dir"]).task, {
    kind: "get",
    names: ["a", "b"],
    output: "dir",
    force: false,
  });
  assert.deepEqual(parse(["list"]).task, { kind: "list" });
  const interactive = parse(["::1", "7000"], "other:1");
  assert.deepEqual([interactive.task, interactive.server], [{ kind: "interactive" }, { host: "::1", port: 7000 }]);
});

Deno.test("parseClientArguments takes the server from --server, else SLUICE_SERVER, else the usual one", () => {
  assert.deepEqual(parse(["list", "-s", "a:1"], "b:2").server, { host: "a", port: 1 });
  assert.deepEqual(parse(["list"], "b:2").server, { host: "b", port: 2 });
  assert.deepEqual(parse(["list"], "").server, { host: "127.0.0.1", port: 65432 });
  assert.match(refusal(["list"], "b:x")[0]!, /SLUICE_SERVER/);
  assert.deepEqual(parse(["list", "-s", "a:1"], "b:x").server, { host: "a", port: 1 });
});

Deno.test("parseClientArguments reads timeout and faults", () => {
  const { timeoutMs, simulate } = parse(["list", "--timeout", "1.5", "--simulate", "drop=10%"]);
  assert.equal(timeoutMs, 1500);
  assert.equal(simulate?.drop, 0.1);
  assert.equal(parse(["list"]).timeoutMs, undefined);
});

Deno.test("parseClientArguments reads how to send, at each command", () => {
  assert.deepEqual(parse(["send", "a", "--rate", "80M"]).sending, { rate: 80_000_000 });
  assert.deepEqual(parse(["--rate=1.5Gbit/s", "list"]).sending, { rate: 1_500_000_000 });
  assert.deepEqual(parse(["::1", "7000", "--congestion", "cubic"]).sending, { congestion: "cubic" });
  assert.deepEqual(parse(["get", "a"]).sending, {});
});

Deno.test("parseClientArguments answers a mistake with one line and the way to the help", () => {
  const mistakes: [string[], RegExp][] = [
    [["send"], /missing required argument/],
    [["send", "a", "b", "--as", "c"], /--as names one file, but 2 files are given/],
    [["send", "a", "--bogus"], /unknown option '--bogus'/],
    [["get"], /missing required argument/],
    [["list", "extra"], /too many arguments/],
    [["list", "--server", "h:0"], /a port is a whole number from 1 to 65535/],
    [["list", "--timeout", "0"], /seconds/],
    [["list", "--simulate", "nonsense"], /nonsense/],
    [["list", "--congestion", "reno"], /'reno' is invalid\. Allowed choices are bbr, cubic\./],
    [["list", "--rate", "fast"], /bits per second, such as 800k, 80M or 1\.5G/],
    [["list", "--rate", "8M", "--congestion", "bbr"], /'--rate <rate>' cannot be used with .*'--congestion <name>'/],
    [["sned"], /"sned" is not a command/],
    [["sned", "file.txt"], /the commands are send, get, list and key/],
    [["host", "70000"], /a port is a whole number/],
    [["a/b", "7000"], /a host is a name or an IP address/],
  ];
  for (const [args, message] of mistakes) {
    const lines = refusal(args);
    assert.match(lines[0]!, message);
    assert.deepEqual(lines.slice(1), ["Try --help."], args.join(" "));
  }
});

Deno.test("parseClientArguments without arguments shows the help as a mistake", () => {
  assert.match(refusal([])[0]!, /^Usage: sluice/);
});

Deno.test("parseClientArguments shows help with examples, and the version, and ends well", () => {
  for (const args of [["--help"], ["send", "--help"], ["get", "-h"]]) {
    const console = new FakeConsole();
    assert.deepEqual(parseClientArguments(args, { console, defaultServer: undefined }), { exitCode: 0 });
    const text = console.outLines.join("\n");
    assert.match(text, /^Usage: sluice/);
    assert.match(text, /Example/);
    assert.match(text, /--server <host:port>/);
  }
});
