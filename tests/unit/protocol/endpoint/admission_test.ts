import assert from "node:assert/strict";
import { NetAddress } from "../../../../base/net_address.ts";
import { Admission, type AdmissionLimits, type Verdict } from "../../../../protocol/endpoint/admission.ts";
import { MAX_REMEMBERED_SOURCES } from "../../../../protocol/limits.ts";

const SECOND_US = 1_000_000;
const HERE = NetAddress.parse("192.0.2.7:50000");

function admission(limits: Partial<AdmissionLimits> = {}): Admission {
  return new Admission({ limits, hashSeed: 12345 });
}

/** How often each verdict is given to `count` unvalidated addresses, all at once. */
function verdicts(count: number, judge: (index: number) => Verdict): Record<Verdict, number> {
  const counts = { "ok": 0, "validate": 0, "drop": 0 };
  for (let index = 0; index < count; index++) counts[judge(index)]++;
  return counts;
}

function unvalidated(index: number): NetAddress {
  return NetAddress.parse(`198.51.${index >> 8 & 255}.${index & 255}:${1024 + (index >> 16)}`);
}

Deno.test("Admission.judge answers unvalidated addresses with ServerHello up to a rate, then requires address validation", () => {
  const control = admission({ maxHandshakes: 100, maxAnswers: 1000 });
  const counts = verdicts(5000, (index) => control.judge(0, unvalidated(index), { isValidated: false }));
  // A burst of a tenth of a second's worth.
  assert.deepEqual(counts, { "ok": 10, "validate": 100, "drop": 4890 });
  assert.equal(control.judge(SECOND_US / 100, HERE, { isValidated: false }), "ok");
});

Deno.test("Admission.judge keeps a flood of unvalidated addresses out of the way of validated addresses", () => {
  const control = admission({ maxHandshakes: 100, maxAnswers: 1000 });
  for (let index = 0; index < 10_000; index++) control.judge(0, unvalidated(index), { isValidated: false });
  assert.equal(control.judge(0, HERE, { isValidated: true }), "ok");
});

Deno.test("Admission.judge gives one source of unvalidated addresses no more than its share of the cheap answers", () => {
  const control = admission({ maxHandshakes: 1, maxAnswers: 800 });
  const flood = verdicts(
    5000,
    (index) => control.judge(0, NetAddress.parse(`203.0.113.1:${index}`), { isValidated: false }),
  );
  assert.deepEqual(flood, { "ok": 1, "validate": 10, "drop": 4989 });
  const network = verdicts(
    5000,
    (index) => control.judge(0, NetAddress.parse(`[2001:db8::${index.toString(16)}]:1`), { isValidated: false }),
  );
  assert.deepEqual(network, { "ok": 0, "validate": 10, "drop": 4990 });
  assert.equal(control.judge(0, HERE, { isValidated: false }), "validate");
});

Deno.test("Admission.judge lets no forger lock anybody out: a client whose address is forged can still validate it", () => {
  const control = admission();
  for (let index = 0; index < 100_000; index++) control.judge(0, HERE, { isValidated: false });
  assert.equal(control.judge(0, HERE, { isValidated: true }), "ok");
});

Deno.test("Admission.judge limits a validated source to its rate, and does not affect the others", () => {
  const control = admission({ maxHandshakes: 1000, maxHandshakesPerAddress: 5 });
  const flood = verdicts(
    100,
    (index) => control.judge(0, NetAddress.parse(`203.0.113.1:${index}`), { isValidated: true }),
  );
  assert.deepEqual(flood, { "ok": 10, "validate": 0, "drop": 90 });
  assert.equal(control.judge(0, HERE, { isValidated: true }), "ok");
  assert.equal(control.judge(SECOND_US / 5, NetAddress.parse("203.0.113.1:1"), { isValidated: true }), "ok");
});

Deno.test("Admission.judge limits all validated sources together to the total rate, and charges no source for a drop", () => {
  const control = admission({ maxHandshakes: 50, maxHandshakesPerAddress: 1 });
  const counts = verdicts(200, (index) => control.judge(0, unvalidated(index), { isValidated: true }));
  assert.deepEqual(counts, { "ok": 50, "validate": 0, "drop": 150 });
  verdicts(20, () => control.judge(0, HERE, { isValidated: true }));
  const later = verdicts(20, () => control.judge(SECOND_US / 10, HERE, { isValidated: true }));
  assert.equal(later.ok, 2);
});

Deno.test("Admission remembers a bounded number of sources", () => {
  const control = admission();
  for (let index = 0; index < 3 * MAX_REMEMBERED_SOURCES; index++) {
    control.judge(index * 1000, unvalidated(index), { isValidated: true });
    control.judge(index * 1000, unvalidated(index), { isValidated: false });
  }
  assert.equal(control.rememberedSources, MAX_REMEMBERED_SOURCES);
});

Deno.test("Admission.admit bounds connections, per source and in total, and refuses with a reason", () => {
  const control = admission({ maxConnections: 4, maxConnectionsPerAddress: 2 });
  assert.equal(control.admit(1, NetAddress.parse("192.0.2.1:1")), undefined);
  assert.equal(control.admit(2, NetAddress.parse("192.0.2.1:2")), undefined);
  assert.match(
    control.admit(3, NetAddress.parse("192.0.2.1:3"))!,
    /the server has enough of your address, with 2 connections; try again later/,
  );
  assert.equal(control.admit(4, NetAddress.parse("192.0.2.2:1")), undefined);
  assert.equal(control.admit(5, NetAddress.parse("192.0.2.3:1")), undefined);
  assert.match(
    control.admit(6, NetAddress.parse("192.0.2.4:1"))!,
    /the server is full, with 4 connections; try again later/,
  );
  control.release(1);
  control.release(1);
  control.release(6);
  assert.equal(control.admit(7, NetAddress.parse("192.0.2.1:3")), undefined);
});

Deno.test("Admission.mayAnswerUnknown is bounded, and does not reduce the rate of handshakes", () => {
  const control = admission({ maxAnswers: 100 });
  const answered = Array.from({ length: 1000 }, () => control.mayAnswerUnknown(0)).filter((isAnswered) => isAnswered);
  assert.equal(answered.length, 10);
  assert.equal(control.judge(0, HERE, { isValidated: false }), "ok");
});

Deno.test("Admission.mayEnd is bounded per source and in total, independently of new connections", () => {
  const control = admission({ maxHandshakes: 50, maxHandshakesPerAddress: 5 });
  const ended = (count: number, remote: (index: number) => NetAddress): number =>
    Array.from({ length: count }, (_, index) => control.mayEnd(0, remote(index))).filter((may) => may).length;
  assert.equal(ended(100, () => HERE), 10);
  assert.equal(ended(100, unvalidated), 40);
  assert.equal(control.judge(0, unvalidated(200), { isValidated: true }), "ok");
});
