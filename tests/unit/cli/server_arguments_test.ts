import assert from "node:assert/strict";
import { parseServerArguments } from "../../../cli/server_arguments.ts";
import { assertFits, FakeConsole } from "../../../testing/cli_fakes.ts";

Deno.test("parseServerArguments has a default for everything", () => {
  assert.deepEqual(parseServerArguments([], new FakeConsole()), {
    value: {
      task: "serve",
      stateFolder: undefined,
      serving: { host: "127.0.0.1", port: 65432, root: "./storage", readOnly: false, limits: {} },
      open: false,
      keysFile: undefined,
      tokenFile: undefined,
      graceMs: 30_000,
      logLevel: "info",
      json: false,
    },
  });
});

Deno.test("parseServerArguments lays its help out for 80 columns", () => {
  for (const args of [["--help"], ["key", "--help"]]) {
    const console = new FakeConsole();
    assert.deepEqual(parseServerArguments(args, console), { exitCode: 0 });
    assertFits(console.outLines);
  }
});

Deno.test("parseServerArguments reads every option", () => {
  const args = "--host [::1] --port 0 --root /srv --read-only --grace 5 --max-connections 8 --log-level error --json " +
    "--congestion cubic --max-memory 64 --stall-timeout 30 --authorized-keys keys --token-file tokens";
  const parsed = parseServerArguments([...args.split(" "), "--simulate", "delay=50ms"], new FakeConsole());
  assert.ok("value" in parsed);
  const { serving: { simulate, ...serving }, ...rest } = parsed.value;
  assert.equal(simulate?.delayUs, 50_000);
  assert.deepEqual({ ...rest, serving }, {
    task: "serve",
    stateFolder: undefined,
    serving: {
      host: "::1",
      port: 0,
      root: "/srv",
      readOnly: true,
      limits: { maxConnections: 8, maxMemoryMiB: 64, stallTimeoutS: 30 },
      sendPolicy: { kind: "cubic" },
    },
    open: false,
    keysFile: "keys",
    tokenFile: "tokens",
    graceMs: 5000,
    logLevel: "error",
    json: true,
  });
});

Deno.test("parseServerArguments reads what concerns keys", () => {
  const parse = (...args: string[]) => {
    const parsed = parseServerArguments(args, new FakeConsole());
    assert.ok("value" in parsed);
    const { stateFolder, task } = parsed.value;
    return { stateFolder, task };
  };
  assert.deepEqual(parse("key"), { stateFolder: undefined, task: "key" });
  assert.deepEqual(parse("key", "--state", "/s"), { stateFolder: "/s", task: "key" });
  assert.deepEqual(parse("--state", "/s"), { stateFolder: "/s", task: "serve" });
});

Deno.test("parseServerArguments answers a mistake with one line and the way to the help", () => {
  const mistakes: [string, RegExp][] = [
    ["--port 65536", /is invalid\. A port is a whole number from 0 to 65535/],
    ["--host a/b", /is invalid\. A host is a name/],
    ["--grace -1", /is invalid\. It must be a whole number from 0 to 86400/],
    ["--max-connections 0", /from 1 to/],
    ["--log-level loud", /debug, info, warning, error/],
    ["--simulate drop=2000%", /drop/],
    ["--congestion reno", /'reno' is invalid\. Allowed choices are bbr, cubic\./],
    ["--rate 10MB/s", /bits/],
    ["extra", /too many arguments/],
  ];
  for (const [args, message] of mistakes) {
    const console = new FakeConsole();
    assert.deepEqual(parseServerArguments(args.split(" "), console), { exitCode: 2 }, args);
    assert.match(console.errLines[0]!, message);
    assert.deepEqual(console.errLines.slice(1), ["Try --help."]);
  }
});
