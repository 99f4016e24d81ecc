import assert from "node:assert/strict";
import { MAX_PATH_PACKETS_BEYOND_WINDOW } from "../../../../protocol/limits.ts";
import { PathValidation } from "../../../../protocol/connection/path_validation.ts";

const CHALLENGE = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

function makeValidation(): PathValidation {
  return new PathValidation(() => CHALLENGE);
}

Deno.test("PathValidation is proven by its own challenge alone, which is repeated until then", () => {
  const validation = makeValidation();
  assert.equal(validation.allowanceBytes, Infinity);
  validation.begin(1_000, { receivedBytes: 100, ptoUs: 10 });
  assert.equal(validation.allowanceBytes, 300);
  assert.deepEqual(validation.takeChallenge(), CHALLENGE);
  assert.equal(validation.takeChallenge(), undefined);
  assert.equal(validation.deadlineUs, 1_030, "three probe timeouts");
  validation.onTimeout(1_030, 20);
  assert.equal(validation.deadlineUs, 1_090);
  assert.deepEqual(validation.takeChallenge(), CHALLENGE);
  validation.onResponse(new Uint8Array(8));
  assert.equal(validation.isValidated, false);
  validation.onResponse(CHALLENGE);
  assert.equal(validation.isValidated, true);
  assert.equal(validation.deadlineUs, Infinity);
  assert.equal(validation.allowanceBytes, Infinity);
});

Deno.test("PathValidation answers a challenge once", () => {
  const validation = makeValidation();
  validation.onChallenge(CHALLENGE);
  assert.equal(validation.hasPending, true);
  assert.deepEqual(validation.takeResponse(), CHALLENGE);
  assert.equal(validation.takeResponse(), undefined);
  assert.equal(validation.hasPending, false);
});

Deno.test("PathValidation lets a challenge or a response go beyond a full window, but only so often until that has room", () => {
  const validation = makeValidation();
  assert.equal(validation.isUrgent(true), false, "nothing is due");
  let count = 0;
  for (; count < 1_000; count++) {
    validation.onChallenge(CHALLENGE);
    if (!validation.isUrgent(true)) break;
    validation.takeResponse();
  }
  assert.equal(count, MAX_PATH_PACKETS_BEYOND_WINDOW);
  assert.equal(validation.isUrgent(false), true);
  assert.equal(validation.isUrgent(true), true, "there was room in between");
});
