import assert from "node:assert/strict";
import { TokenSecrets } from "../../../../protocol/handshake/token_secrets.ts";
import { TOKEN_SECRET_LIFETIME_US } from "../../../../protocol/limits.ts";

const TOKEN_LIFETIME_US = 1_000;
const FIRST = new Uint8Array(32).fill(1);
const START_US = 5_000;

function makeSecrets(): { readonly secrets: TokenSecrets; readonly made: Uint8Array[] } {
  const made: Uint8Array[] = [];
  const randomBytes = (count: number): Uint8Array => {
    made.push(new Uint8Array(count).fill(made.length + 2));
    return made.at(-1)!;
  };
  return { secrets: new TokenSecrets({ secret: FIRST, tokenLifetimeUs: TOKEN_LIFETIME_US, randomBytes }), made };
}

Deno.test("TokenSecrets.forIssue gives the same secret for its lifetime from the first token on, then a new one", () => {
  const { secrets, made } = makeSecrets();
  assert.deepEqual(secrets.forIssue(START_US), FIRST);
  assert.deepEqual(secrets.forIssue(START_US + TOKEN_SECRET_LIFETIME_US - 1), FIRST);
  assert.equal(made.length, 0);
  assert.deepEqual(secrets.forIssue(START_US + TOKEN_SECRET_LIFETIME_US), new Uint8Array(32).fill(2));
  assert.deepEqual(secrets.forIssue(START_US + 2 * TOKEN_SECRET_LIFETIME_US - 1), new Uint8Array(32).fill(2));
  assert.deepEqual(secrets.forIssue(START_US + 2 * TOKEN_SECRET_LIFETIME_US), new Uint8Array(32).fill(3));
});

Deno.test("TokenSecrets.forToken gives each token the secret of its time, the last before a change as well", () => {
  const { secrets } = makeSecrets();
  secrets.forIssue(START_US);
  const changeUs = START_US + TOKEN_SECRET_LIFETIME_US;
  const second = secrets.forIssue(changeUs);
  assert.deepEqual(secrets.forToken(changeUs + 10, changeUs - 1), FIRST);
  assert.deepEqual(secrets.forToken(changeUs + 10, changeUs), second);
});

Deno.test("TokenSecrets knows no secret before the first token, and overwrites one when its tokens have expired", () => {
  const { secrets } = makeSecrets();
  assert.equal(secrets.forToken(START_US, START_US), undefined);
  const first = secrets.forIssue(START_US);
  const changeUs = START_US + TOKEN_SECRET_LIFETIME_US;
  secrets.forIssue(changeUs);
  assert.notEqual(secrets.forToken(changeUs + TOKEN_LIFETIME_US, changeUs - 1), undefined);
  assert.equal(secrets.forToken(changeUs + TOKEN_LIFETIME_US + 1, changeUs - 1), undefined);
  assert.deepEqual(first, new Uint8Array(32));
  assert.deepEqual(FIRST, new Uint8Array(32).fill(1), "what it was given is the caller's");
});
