import assert from "node:assert/strict";
import { SERVER_LIMITS } from "../../../app/server/limits.ts";
import { parseServerArguments } from "../../../cli/server_arguments.ts";
import { assertFits, FakeContext } from "../../../testing/cli_fakes.ts";

Deno.test("parseServerArguments has a default for everything", () => {
  assert.deepEqual(parseServerArguments([], new FakeContext()), {
    value: {
      task: "serve",
      stateFolder: undefined,
      serving: { host: "127.0.0.1", port: 65432, root: "./storage", readOnly: false, limits: {} },
      limit: undefined,
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
    const context = new FakeContext();
    const { console } = context;
    assert.deepEqual(parseServerArguments(args, context), { exitCode: 0 });
    assertFits(console.outLines);
  }
});

Deno.test("parseServerArguments reads every option", () => {
  const args = "--host [::1] --port 0 --root /srv --read-only --grace 5 --max-connections 8 --log-level error --json " +
    "--congestion cubic --limit 8M --max-memory 64 --stall-timeout 30 --authorized-keys keys --token-file tokens";
  const parsed = parseServerArguments([...args.split(" "), "--simulate", "delay=50ms"], new FakeContext());
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
    limit: [{ fromMinute: 0, bytesPerSecond: 1_000_000 }],
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
    const parsed = parseServerArguments(args, new FakeContext());
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
    ["extra", /unknown command "extra"; the only one is key/],
  ];
  for (const [args, message] of mistakes) {
    const context = new FakeContext();
    const { console } = context;
    assert.deepEqual(parseServerArguments(args.split(" "), context), { exitCode: 2 }, args);
    assert.match(console.errLines[0]!, message);
    assert.deepEqual(console.errLines.slice(1), ["Try --help."]);
  }
});

Deno.test("parseServerArguments has a page of its own for the limits, under the name that started it", () => {
  for (const name of ["sluice-server", "sluice serve"] as const) {
    const context = new FakeContext();
    assert.deepEqual(parseServerArguments(["--help-limits"], context, name), { exitCode: 0 });
    const page = context.console.outLines.join("\n");
    assertFits(context.console.outLines);
    assert.ok(page.startsWith(`Usage: ${name} [options]`));
    for (const { option } of SERVER_LIMITS) assert.ok(page.includes(option), option);
    const help = new FakeContext();
    parseServerArguments(["--help"], help, name);
    assert.doesNotMatch(help.console.outLines.join("\n"), /--max-/);
    assert.ok(help.console.outLines.some((line) => line.includes(`${name} --host 0.0.0.0`)));
  }
});

Deno.test("parseServerArguments takes what is missing from SLUICE_SERVE_..., then from the table [serve]", () => {
  const context = new FakeContext();
  context.config = 'fixed-rate = "1M"\n[serve]\nport = 7000\nroot = "~/files"\nmax-lists = 3\nread-only = true\n';
  const parse = (...args: string[]) => {
    const parsed = parseServerArguments(args, context);
    assert.ok("value" in parsed, context.console.errLines.join("\n"));
    const { port, root, limits, readOnly, sendPolicy } = parsed.value.serving;
    return [port, root, limits, readOnly, sendPolicy];
  };
  assert.deepEqual(parse(), [7000, "/me/files", { maxLists: 3 }, true, undefined]);
  context.variables.set("SLUICE_SERVE_PORT", "8000");
  context.variables.set("SLUICE_SERVE_MAX_LISTS", "4");
  context.variables.set("SLUICE_RATE", "2M");
  assert.deepEqual(parse("--root", "r"), [8000, "r", { maxLists: 4 }, true, undefined]);
  assert.equal(parse("--port", "9000")[0], 9000);
});

Deno.test("parseServerArguments answers a word that is no command with the closest that is", () => {
  const context = new FakeContext();
  assert.deepEqual(parseServerArguments(["kye"], context), { exitCode: 2 });
  assert.deepEqual(parseServerArguments(["--port", "0", "storage"], context), { exitCode: 2 });
  assert.deepEqual(context.console.errLines, [
    'error: unknown command "kye" (did you mean key?); the only one is key',
    "Try --help.",
    'error: unknown command "storage"; the only one is key',
    "Try --help.",
  ]);
});
