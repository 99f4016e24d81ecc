import assert from "node:assert/strict";
import type { ServerEvent } from "../../../app/server/api.ts";
import { LINES_AT_ONCE } from "../../../cli/log_rate_limit.ts";
import {
  describeEvent,
  levelOf,
  MAX_WAITING_BYTES,
  openServerLog,
  type ServerLogOptions,
} from "../../../cli/server_log.ts";
import { FakeConsole } from "../../../testing/cli_fakes.ts";
import { FakeClock } from "../../../testing/fake_clock.ts";

const SHA = "ab".repeat(32);
const WHO = { client: "192.0.2.7:50000", id: 3 };

const SENT = { kind: "sent", ...WHO, name: "a", sizeBytes: 2_000_000, sha256: SHA } as const;

/** For each kind of event, events with the text that they get. */
const EXPECTED: Readonly<Record<ServerEvent["kind"], readonly (readonly [ServerEvent, string])[]>> = {
  "listening": [
    [
      { kind: "listening", host: "::1", port: 7, root: "/srv", key: "abc", entries: undefined, isOwnerOnly: false },
      "listening on [::1]:7, files in /srv, no access control, key abc",
    ],
    [
      { kind: "listening", host: "::1", port: 7, root: "/srv", key: "abc", entries: 1, isOwnerOnly: false },
      "listening on [::1]:7, files in /srv, 1 key or token authorized, key abc",
    ],
  ],
  "socket": [[{ kind: "socket", description: "batched calls (GSO)" }, "socket with batched calls (GSO)"]],
  "exposed": [[{ kind: "exposed", reason: "/srv is writable by others" }, "/srv is writable by others"]],
  "unlisted": [
    [
      { kind: "unlisted", folder: "/srv", count: 1, examples: '"z\ufffd"' },
      '1 file in /srv not listed, since its name cannot be sent: "z\ufffd"; rename it',
    ],
    [
      { kind: "unlisted", folder: "/srv", count: 2, examples: '"a", "b"' },
      '2 files in /srv not listed, since their names cannot be sent: "a", "b"; rename them',
    ],
  ],
  "root-created": [[{ kind: "root-created", root: "/srv/new" }, "created the folder /srv/new"]],
  "connected": [
    [{ kind: "connected", ...WHO, user: undefined }, "[3] 192.0.2.7:50000 connected"],
    [{ kind: "connected", ...WHO, user: "al\u202eice" }, "[3] 192.0.2.7:50000 connected as al\\u202eice"],
  ],
  "access-denied": [[
    { kind: "access-denied", client: WHO.client, key: "abc", reason: "unknown key abc" },
    "192.0.2.7:50000 access denied: unknown key abc",
  ]],
  "access-changed": [
    [
      { kind: "access-changed", entries: 0, ended: 1 },
      "access control reloaded: no client is authorized, 1 connection closed",
    ],
    [
      { kind: "access-changed", entries: 3, ended: 0 },
      "access control reloaded: 3 keys and tokens authorized, 0 connections closed",
    ],
  ],
  "access-unreadable": [
    [
      { kind: "access-unreadable", credentials: "key", reason: "/s/keys, line 3: ..." },
      "authorized_keys not reloaded: /s/keys, line 3: ...; the previous access list stays in force",
    ],
    [
      { kind: "access-unreadable", credentials: "token", reason: "/s/tokens, line 3: ..." },
      "token file not reloaded: /s/tokens, line 3: ...; the previous access list stays in force",
    ],
    [
      { kind: "access-unreadable", credentials: undefined, reason: "no database" },
      "access control not reloaded: no database; the previous access list stays in force",
    ],
  ],
  "folder-unavailable": [[
    { kind: "folder-unavailable", reason: "folder=a: it is a link" },
    "folder unavailable, its users are refused: folder=a: it is a link",
  ]],
  "address-changed": [[
    { kind: "address-changed", ...WHO, previousClient: "198.51.100.1:9" },
    "[3] 192.0.2.7:50000 address changed, was 198.51.100.1:9",
  ]],
  "receiving": [[
    { kind: "receiving", ...WHO, name: "a", sizeBytes: 12 },
    '[3] 192.0.2.7:50000 receiving "a", 12 bytes',
  ]],
  "received": [[
    { kind: "received", ...WHO, name: "a", sizeBytes: 2_000_000, sha256: SHA, elapsedMs: 500, notKept: [] },
    `[3] 192.0.2.7:50000 received "a", 2.0 MB in 500 ms (4.0 MB/s), verified and stored, sha256 ${SHA}`,
  ], [
    {
      kind: "received",
      ...WHO,
      name: "a",
      sizeBytes: 2_000_000,
      sha256: SHA,
      elapsedMs: 500,
      notKept: ["modification time"],
    },
    `[3] 192.0.2.7:50000 received "a", 2.0 MB in 500 ms (4.0 MB/s), verified and stored, sha256 ${SHA}, ` +
    "the disk did not keep its modification time exactly",
  ]],
  "sending": [[{ kind: "sending", ...WHO, name: "a", sizeBytes: 1200 }, '[3] 192.0.2.7:50000 sending "a", 1.2 kB']],
  "sent": [
    [
      { ...SENT, elapsedMs: 500, verified: true, retransmittedBytes: 0 },
      `[3] 192.0.2.7:50000 sent "a", 2.0 MB in 500 ms (4.0 MB/s), verified by the client, sha256 ${SHA}`,
    ],
    [
      { ...SENT, elapsedMs: 500, verified: false, retransmittedBytes: 200_000 },
      `[3] 192.0.2.7:50000 sent "a", 2.0 MB in 500 ms (4.0 MB/s), 10.0 % retransmitted, ` +
      `NOT verified by the client, sha256 ${SHA}`,
    ],
  ],
  "listed": [[{ kind: "listed", ...WHO, count: 1 }, "[3] 192.0.2.7:50000 listed 1 entry"]],
  "made": [[{ kind: "made", ...WHO, what: "folder", name: "a" }, '[3] 192.0.2.7:50000 made the folder "a"']],
  "removed": [
    [{ kind: "removed", ...WHO, name: "a", count: 1 }, '[3] 192.0.2.7:50000 removed "a"'],
    [{ kind: "removed", ...WHO, name: "a", count: 3 }, '[3] 192.0.2.7:50000 removed "a", 3 entries in all'],
  ],
  "moved": [[{ kind: "moved", ...WHO, name: "a", newName: "b/c" }, '[3] 192.0.2.7:50000 moved "a" to "b/c"']],
  "refused": [[
    { kind: "refused", ...WHO, operation: "put", name: "a", reason: "it exists" },
    '[3] 192.0.2.7:50000 put "a" refused: it exists',
  ]],
  "failed": [[
    { kind: "failed", ...WHO, operation: "list", name: "", reason: "cancelled" },
    "[3] 192.0.2.7:50000 list failed: cancelled",
  ]],
  "disconnected": [[{ kind: "disconnected", ...WHO, reason: "idle" }, "[3] 192.0.2.7:50000 disconnected: idle"]],
  "dropped": [
    [
      { kind: "dropped", count: 12, reasons: { damaged: 10, repeated: 2 } },
      "12 datagrams dropped: 10 forged or damaged, 2 repeated",
    ],
    [
      { kind: "dropped", count: 1, reasons: { "unknown connection": 1 } },
      "1 datagram dropped: 1 unknown connection",
    ],
  ],
  "fault": [[{ kind: "fault", line: "dropped one" }, "dropped one"]],
  "draining": [[
    { kind: "draining", transfers: 2, graceMs: 30_000 },
    "stopping, 2 running transfers have 30 s to finish",
  ]],
  "stopped": [[{ kind: "stopped" }, "stopped"]],
};

const CASES = Object.values(EXPECTED).flat();

interface Logging extends Partial<ServerLogOptions> {
  readonly colors?: boolean;
  readonly clock?: FakeClock;
}

function logged(events: readonly ServerEvent[], { clock = new FakeClock(), colors = false, ...options }: Logging = {}) {
  const console = new FakeConsole();
  console.outHasColors = colors;
  const log = openServerLog({ clock, console }, { logLevel: "info", json: false, ...options });
  for (const event of events) log.event(event);
  log.close();
  return console.outLines;
}

Deno.test("describeEvent has a text for each event", () => {
  for (const [event, words] of CASES) assert.equal(describeEvent(event), words);
});

Deno.test("describeEvent escapes what a peer chose, so it cannot forge a line", () => {
  const evil = "a\r\nINFO all is well\x1b[31m\u202e";
  for (const [event] of CASES) {
    const forged = Object.fromEntries(
      Object.entries(event).map(([key, value]) => [
        key,
        typeof value === "string" && !["kind", "sha256", "operation", "host", "what"].includes(key) ? evil : value,
      ]),
    ) as unknown as ServerEvent;
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(describeEvent(forged), /[\x00-\x1f\u202e]/, event.kind);
  }
});

Deno.test("levelOf warns of what failed", () => {
  assert.equal(levelOf(EXPECTED.connected[0]![0]), "info");
  assert.equal(levelOf(EXPECTED["address-changed"][0]![0]), "debug");
  assert.equal(levelOf({ kind: "refused", ...WHO, operation: "get", name: "a", reason: "" }), "warning");
  assert.equal(levelOf({ kind: "refused", ...WHO, operation: "stat", name: "a", reason: "" }), "info");
  assert.equal(levelOf({ kind: "failed", ...WHO, operation: "get", name: "a", reason: "" }), "warning");
  const sent = { ...SENT, elapsedMs: 1, retransmittedBytes: 0 };
  assert.equal(levelOf({ ...sent, verified: false }), "warning");
  assert.equal(levelOf({ ...sent, verified: true }), "info");
});

Deno.test("openServerLog writes time, level and text, and leaves braces in a name alone", () => {
  const lines = logged([
    { kind: "receiving", ...WHO, name: "{text} {{x}}", sizeBytes: 1 },
    { kind: "failed", ...WHO, operation: "put", name: "a", reason: "disk full" },
  ]);
  assert.match(
    lines[0]!,
    /^\d{4}-\d\d-\d\dT[\d:.]+Z INFO {2}\[3\] .* receiving "\{text\} \{\{x\}\}", 1 byte$/,
  );
  assert.match(lines[1]!, /^\S+ WARN {2}\[3\] .* put "a" failed: disk full$/);
});

Deno.test("openServerLog keeps to its level", () => {
  const events: ServerEvent[] = [{ kind: "stopped" }, {
    kind: "refused",
    ...WHO,
    operation: "get",
    name: "a",
    reason: "",
  }];
  assert.equal(logged(events, { logLevel: "warning" }).length, 1);
  assert.equal(logged(events, { logLevel: "error" }).length, 0);
  assert.equal(logged(events, { logLevel: "debug" }).length, 2);
});

Deno.test("openServerLog colours the level only when it is asked to", () => {
  assert.ok(logged([{ kind: "stopped" }], { colors: true })[0]!.includes("\x1b[32m"));
  assert.ok(!logged([{ kind: "stopped" }])[0]!.includes("\x1b"));
});

Deno.test("openServerLog leaves out lines of clients beyond the limit, and says how many", () => {
  const flood = Array.from(
    { length: LINES_AT_ONCE + 50 },
    (): ServerEvent => ({ kind: "connected", ...WHO, user: undefined }),
  );
  const failed: ServerEvent = { kind: "failed", ...WHO, operation: "put", name: "a", reason: "disk full" };
  const events: ServerEvent[] = [...flood, failed, { kind: "stopped" }];
  const lines = logged(events, { clock: new FakeClock() });
  assert.equal(lines.length, LINES_AT_ONCE + 3);
  assert.match(lines.at(-3)!, /put "a" failed: disk full$/);
  assert.match(lines.at(-2)!, /WARN {2}50 lines left out: clients caused more than 100 a second$/);
  assert.match(lines.at(-1)!, /stopped$/);
  const [leftOut] = logged(events, { clock: new FakeClock(), json: true }).slice(-2);
  assert.deepEqual(JSON.parse(leftOut!).event, { kind: "left-out", lines: 50 });
});

Deno.test("openServerLog says within a second what it has left out, and leaves out nothing that is not logged", () => {
  const clock = new FakeClock();
  const console = new FakeConsole();
  const lines = console.outLines;
  const log = openServerLog({ clock, console }, { logLevel: "info", json: false });
  for (let count = 0; count < 2 * LINES_AT_ONCE; count++) log.event({ kind: "connected", ...WHO, user: undefined });
  clock.pass(1_000_000);
  assert.match(lines.at(-1)!, new RegExp(`${LINES_AT_ONCE} lines left out`));
  log.close();
  assert.equal(lines.length, LINES_AT_ONCE + 1);
  const quiet = Array.from(
    { length: 2 * LINES_AT_ONCE },
    (): ServerEvent => ({ kind: "connected", ...WHO, user: undefined }),
  );
  assert.deepEqual(logged(quiet, { clock, logLevel: "warning" }), []);
});

Deno.test("openServerLog writes JSON with the event as it was", () => {
  const events = CASES.map(([event]) => JSON.parse(JSON.stringify(event)));
  const parsed = logged(events, { json: true, logLevel: "debug" }).map((line) => JSON.parse(line));
  assert.deepEqual(parsed.map((line) => line.event), events);
  assert.deepEqual(parsed.map((line) => line.text), CASES.map(([, words]) => words));
  assert.equal(parsed[0].level, "info");
  const [line] = logged([{ kind: "fault", line: "\u009b2J" }], { json: true, logLevel: "debug" });
  assert.match(line!, /"line":"\\u009b2J"/);
});

Deno.test("openServerLog sums up injected faults where it does not tell each", () => {
  const line = "simulated fault: dropped incoming datagram 7 (1200 bytes)";
  const events: ServerEvent[] = [{ kind: "fault", line }, { kind: "fault", line }, { kind: "stopped" }];
  const texts = (logLevel: "debug" | "info") =>
    logged(events, { json: true, logLevel }).map((told) => JSON.parse(told).text);
  assert.deepEqual(texts("info"), ["simulated faults: 2 datagrams dropped", "stopped"]);
  assert.deepEqual(texts("debug"), [line, line, "stopped"]);
});

Deno.test("openServerLog keeps no more lines for a reader than memory is meant for, and says how many it left out", () => {
  const console = new FakeConsole();
  const log = openServerLog({ clock: new FakeClock(), console }, { logLevel: "debug", json: true });
  const fault = (line: string) => log.event({ kind: "fault", line });
  console.waitingBytes = MAX_WAITING_BYTES + 1;
  fault("one");
  fault("two");
  assert.deepEqual(console.outLines, []);
  console.waitingBytes = 0;
  fault("three");
  assert.deepEqual(console.outLines.map((line) => JSON.parse(line).event), [
    { kind: "left-out", lines: 2 },
    { kind: "fault", line: "three" },
  ]);
});

Deno.test("openServerLog says how many lines could not be written once one can, at its end at the latest", () => {
  for (const isLast of [false, true]) {
    const console = new FakeConsole();
    const log = openServerLog({ clock: new FakeClock(), console }, { logLevel: "error", json: false });
    console.outFailure = "No space left on device";
    const event: ServerEvent = { kind: "access-unreadable", credentials: "key", reason: "gone" };
    log.event(event);
    log.event(event);
    assert.deepEqual(console.errLines, ["error: could not write the log to standard output: No space left on device"]);
    console.outFailure = undefined;
    if (!isLast) log.event(event);
    log.close();
    assert.match(
      console.outLines[0]!,
      /WARN {2}2 lines lost: standard output could not be written, or was not read$/,
    );
    assert.equal(console.outLines.length, isLast ? 1 : 2);
  }
});
