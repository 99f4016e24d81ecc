import assert from "node:assert/strict";
import { MAX_PATH_PACKETS_BEYOND_WINDOW } from "../../../../protocol/limits.ts";
import { PathValidation } from "../../../../protocol/connection/path_validation.ts";

const CHALLENGE = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

function makeValidation(): PathValidation {
  return new PathValidation(() => CHALLENGE);
}

Deno.test("PathValidation succeeds only with its own challenge, which is repeated until then", () => {
  const validation = makeValidation();
  assert.equal(validation.allowanceBytes, Infinity);
  validation.begin(1_000, { receivedBytes: 100, ptoUs: 10 });
  assert.equal(validation.allowanceBytes, 300);
  assert.deepEqual(validation.takeChallenge(), CHALLENGE);
  assert.equal(validation.takeChallenge(), undefined);
  assert.equal(validation.deadlineUs, 1_010, "one probe timeout");
  validation.onTimeout(1_010);
  assert.equal(validation.deadlineUs, 1_030, "twice as long");
  validation.onTimeout(1_030);
  assert.equal(validation.deadlineUs, 1_070);
  assert.deepEqual(validation.takeChallenge(), CHALLENGE);
  validation.onResponse(new Uint8Array(8));
  assert.equal(validation.isValidated, false);
  validation.onResponse(CHALLENGE);
  assert.equal(validation.isValidated, true);
  assert.equal(validation.deadlineUs, Infinity);
  assert.equal(validation.allowanceBytes, Infinity);
});

Deno.test("PathValidation repeats its challenge at least once in three seconds, or in a probe timeout if that is longer", () => {
  for (const [ptoUs, longestUs] of [[500_000, 3_000_000], [8_000_000, 8_000_000]] as const) {
    const validation = makeValidation();
    validation.begin(0, { receivedBytes: 100, ptoUs });
    let previousUs = 0;
    for (let i = 0; i < 10; i++) {
      previousUs = validation.deadlineUs;
      validation.onTimeout(previousUs);
    }
    assert.equal(validation.deadlineUs - previousUs, longestUs);
  }
});

Deno.test("PathValidation answers a challenge once", () => {
  const validation = makeValidation();
  validation.onChallenge(CHALLENGE);
  assert.equal(validation.hasPending, true);
  assert.deepEqual(validation.takeResponse(), CHALLENGE);
  assert.equal(validation.takeResponse(), undefined);
  assert.equal(validation.hasPending, false);
});

Deno.test("PathValidation lets a limited number of challenges and responses exceed a full window until it has room", () => {
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
