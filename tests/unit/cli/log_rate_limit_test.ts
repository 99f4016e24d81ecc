import assert from "node:assert/strict";
import type { ServerEvent } from "../../../app/server/api.ts";
import { LineLimit, LINES_AT_ONCE, LINES_PER_SECOND } from "../../../cli/log_rate_limit.ts";
import { FakeClock } from "../../../testing/fake_clock.ts";

const SECOND_US = 1_000_000;
const WHO = { client: "192.0.2.7:50000", id: 3 };
const CONNECTED: ServerEvent = { kind: "connected", ...WHO, user: undefined };
const SENDING: ServerEvent = { kind: "sending", ...WHO, name: "a", sizeBytes: 1 };

class Scene {
  readonly clock = new FakeClock();
  readonly told: number[] = [];
  readonly limit = new LineLimit(this.clock, (lines) => this.told.push(lines));

  /** How many of `count` events are logged. */
  admitted(event: Pick<ServerEvent, "kind">, count: number): number {
    return Array.from({ length: count }, () => this.limit.admits(event)).filter((isAdmitted) => isAdmitted).length;
  }
}

Deno.test("LineLimit admits so many lines at once, then so many a second, and counts the others", () => {
  const scene = new Scene();
  assert.equal(scene.admitted(CONNECTED, 50_000), LINES_AT_ONCE);
  assert.deepEqual(scene.told, []);
  scene.clock.pass(SECOND_US);
  assert.deepEqual(scene.told, [50_000 - LINES_AT_ONCE]);
  assert.equal(scene.admitted(CONNECTED, 50_000), LINES_PER_SECOND);
  scene.clock.pass(SECOND_US);
  assert.deepEqual(scene.told[1], 50_000 - LINES_PER_SECOND);
});

Deno.test("LineLimit makes no flood of lines about a flood of lines", () => {
  const scene = new Scene();
  let admitted = 0;
  for (let ms = 0; ms < 60_000; ms++) {
    admitted += scene.admitted(CONNECTED, 5);
    scene.clock.pass(1_000);
  }
  assert(admitted <= LINES_AT_ONCE + 60 * LINES_PER_SECOND, `${admitted}`);
  assert(scene.told.length <= 60, `${scene.told.length}`);
  scene.limit.flush();
  assert.equal(scene.told.reduce((sum, lines) => sum + lines, admitted), 300_000);
  assert.equal(scene.clock.armed, 0);
});

Deno.test("LineLimit keeps lines about files apart from those about connections", () => {
  const scene = new Scene();
  scene.admitted(CONNECTED, 50_000);
  assert.equal(scene.limit.admits(CONNECTED), false);
  assert.equal(scene.admitted(SENDING, 50_000), LINES_AT_ONCE);
});

/** Who causes each kind of event: at will a client, or the server's owner and its environment. */
const CAUSES: Readonly<Record<ServerEvent["kind"], "client" | "owner">> = {
  "receiving": "client",
  "received": "client",
  "sending": "client",
  "sent": "client",
  "failed": "client",
  "connected": "client",
  "access-denied": "client",
  "address-changed": "client",
  "listed": "client",
  "made": "client",
  "removed": "client",
  "moved": "client",
  "refused": "client",
  "disconnected": "client",
  "folder-unavailable": "owner",
  "listening": "owner",
  "socket": "owner",
  "exposed": "owner",
  "unlisted": "owner",
  "root-created": "owner",
  "access-changed": "owner",
  "access-unreadable": "owner",
  "dropped": "owner",
  "fault": "owner",
  "draining": "owner",
  "stopped": "owner",
};

Deno.test("LineLimit limits every kind of event that a client can cause, and no other", () => {
  for (const [kind, cause] of Object.entries(CAUSES)) {
    const scene = new Scene();
    const admitted = scene.admitted({ kind: kind as ServerEvent["kind"] }, 50_000);
    assert.equal(admitted, cause === "client" ? LINES_AT_ONCE : 50_000, kind);
    scene.limit.flush();
    assert.deepEqual(scene.told, cause === "client" ? [50_000 - LINES_AT_ONCE] : [], kind);
  }
});
