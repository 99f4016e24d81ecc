import assert from "node:assert/strict";
import type { ServerEvent } from "../../../app/server/api.ts";
import { LINES_AT_ONCE } from "../../../cli/log_rate_limit.ts";
import { describeEvent, levelOf, openServerLog, type ServerLogOptions } from "../../../cli/server_log.ts";
import { FakeClock } from "../../../testing/fake_clock.ts";

const SHA = "ab".repeat(32);
const WHO = { client: "192.0.2.7:50000", id: 3 };

/** One event of each kind with the words it gets. */
const SENT = { kind: "sent", ...WHO, name: "a", sizeBytes: 2_000_000, sha256: SHA } as const;

const EXPECTED: readonly (readonly [ServerEvent, string])[] = [
  [
    { kind: "listening", host: "::1", port: 7, root: "/srv", key: "abc", entries: undefined },
    "listening on [::1]:7, files in /srv, open to whoever reaches it, key abc",
  ],
  [
    { kind: "listening", host: "::1", port: 7, root: "/srv", key: "K", entries: 1 },
    "listening on [::1]:7, files in /srv, 1 key or token may come in, key K",
  ],
  [{ kind: "exposed", reason: "others may write in /srv" }, "others may write in /srv"],
  [{ kind: "connected", ...WHO, user: undefined }, "[3] 192.0.2.7:50000 new connection"],
  [{ kind: "connected", ...WHO, user: "al\u202eice" }, "[3] 192.0.2.7:50000 new connection of al\\u202eice"],
  [
    { kind: "access-denied", client: WHO.client, key: "abc", reason: "no permission for its key abc" },
    "192.0.2.7:50000 turned away: no permission for its key abc",
  ],
  [
    { kind: "access-changed", entries: 0, ended: 1 },
    "who may do what has changed: nobody may come in; 1 connection ends",
  ],
  [
    { kind: "access-changed", entries: 3, ended: 0 },
    "who may do what has changed: 3 keys and tokens may come in; 0 connections end",
  ],
  [{ kind: "access-unreadable", reason: "line 3" }, "who may do what is not as it is written: line 3"],
  [
    { kind: "address-changed", ...WHO, previousClient: "198.51.100.1:9" },
    "[3] 192.0.2.7:50000 goes on from here, was 198.51.100.1:9",
  ],
  [
    { kind: "receiving", ...WHO, name: "a", sizeBytes: 12 },
    '[3] 192.0.2.7:50000 receiving "a", a file of 12 bytes',
  ],
  [
    { kind: "received", ...WHO, name: "a", sizeBytes: 2_000_000, sha256: SHA, elapsedMs: 500 },
    `[3] 192.0.2.7:50000 received "a", 2000000 bytes in 500 ms (4.0 MB/s), verified and stored, sha256 ${SHA}`,
  ],
  [{ kind: "sending", ...WHO, name: "a", sizeBytes: 12 }, '[3] 192.0.2.7:50000 sending "a", a file of 12 bytes'],
  [
    { ...SENT, elapsedMs: 500, verified: true, retransmittedBytes: 0 },
    `[3] 192.0.2.7:50000 sent "a", 2000000 bytes in 500 ms (4.0 MB/s), verified by the client, sha256 ${SHA}`,
  ],
  [
    { ...SENT, elapsedMs: 500, verified: false, retransmittedBytes: 200_000 },
    `[3] 192.0.2.7:50000 sent "a", 2000000 bytes in 500 ms (4.0 MB/s), 10.0 % of it again, ` +
    `NOT verified by the client, sha256 ${SHA}`,
  ],
  [{ kind: "listed", ...WHO, count: 1 }, "[3] 192.0.2.7:50000 listed 1 file"],
  [
    { kind: "refused", ...WHO, operation: "put", name: "a", reason: "it exists" },
    '[3] 192.0.2.7:50000 put "a" refused: it exists',
  ],
  [
    { kind: "failed", ...WHO, operation: "list", name: "", reason: "cancelled" },
    "[3] 192.0.2.7:50000 list failed: cancelled",
  ],
  [{ kind: "disconnected", ...WHO, reason: "idle" }, "[3] 192.0.2.7:50000 disconnected: idle"],
  [
    { kind: "dropped", count: 12, reasons: { damaged: 10, repeated: 2 } },
    "dropped 12 datagrams: 10 forged or damaged, 2 repeated",
  ],
  [
    { kind: "dropped", count: 1, reasons: { "unknown connection": 1 } },
    "dropped 1 datagram: 1 for no connection known here",
  ],
  [{ kind: "fault", line: "dropped one" }, "dropped one"],
  [{ kind: "draining", transfers: 2, graceMs: 30_000 }, "stopping; 2 running transfers have 30 s to finish"],
  [{ kind: "stopped" }, "stopped"],
];

function logged(events: readonly ServerEvent[], options: Partial<ServerLogOptions> = {}): string[] {
  const lines: string[] = [];
  const log = openServerLog({
    level: "info",
    json: false,
    colors: false,
    write: (line) => lines.push(line),
    ...options,
  });
  for (const event of events) log.event(event);
  log.close();
  return lines;
}

Deno.test("describeEvent puts each event into plain words", () => {
  for (const [event, words] of EXPECTED) assert.equal(describeEvent(event), words);
});

Deno.test("describeEvent keeps what a peer chose from writing a line of its own", () => {
  const evil = "a\r\nINFO all is well\x1b[31m\u202e";
  for (const [event] of EXPECTED) {
    const spoilt = Object.fromEntries(
      Object.entries(event).map(([key, value]) => [
        key,
        typeof value === "string" && !["kind", "sha256", "operation", "host"].includes(key) ? evil : value,
      ]),
    ) as unknown as ServerEvent;
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(describeEvent(spoilt), /[\x00-\x1f\u202e]/, event.kind);
  }
});

Deno.test("levelOf warns of what did not go well", () => {
  assert.equal(levelOf(EXPECTED[4]![0]), "info");
  assert.equal(levelOf({ kind: "refused", ...WHO, operation: "get", name: "a", reason: "" }), "warning");
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
    /^\d{4}-\d\d-\d\dT[\d:.]+Z INFO {2}\[3\] .* receiving "\{text\} \{\{x\}\}", a file of 1 bytes$/,
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
  assert.equal(logged(events, { level: "warning" }).length, 1);
  assert.equal(logged(events, { level: "error" }).length, 0);
  assert.equal(logged(events, { level: "debug" }).length, 2);
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
  assert.match(lines.at(-2)!, /WARN {2}left out 50 lines on what clients did: more than 100 a second$/);
  assert.match(lines.at(-1)!, /stopped$/);
  const [leftOut] = logged(events, { clock: new FakeClock(), json: true }).slice(-2);
  assert.deepEqual(JSON.parse(leftOut!).event, { kind: "left-out", lines: 50 });
});

Deno.test("openServerLog says within a second what it has left out, and leaves out nothing that is not logged", () => {
  const clock = new FakeClock();
  const lines: string[] = [];
  const log = openServerLog({ level: "info", json: false, colors: false, write: (line) => lines.push(line), clock });
  for (let count = 0; count < 2 * LINES_AT_ONCE; count++) log.event({ kind: "connected", ...WHO, user: undefined });
  clock.pass(1_000_000);
  assert.match(lines.at(-1)!, new RegExp(`left out ${LINES_AT_ONCE} lines`));
  log.close();
  assert.equal(lines.length, LINES_AT_ONCE + 1);
  const quiet = Array.from(
    { length: 2 * LINES_AT_ONCE },
    (): ServerEvent => ({ kind: "connected", ...WHO, user: undefined }),
  );
  assert.deepEqual(logged(quiet, { clock, level: "warning" }), []);
});

Deno.test("openServerLog writes JSON with the event as it was", () => {
  const events = EXPECTED.map(([event]) => JSON.parse(JSON.stringify(event)));
  const parsed = logged(events, { json: true }).map((line) => JSON.parse(line));
  assert.deepEqual(parsed.map((line) => line.event), events);
  assert.deepEqual(parsed.map((line) => line.text), EXPECTED.map(([, words]) => words));
  assert.equal(parsed[0].level, "info");
});
