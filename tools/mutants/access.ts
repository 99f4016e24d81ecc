/**
 * Mistakes in who may do what.
 *
 * @module
 */

import type { Mutant } from "./mutant.ts";

const ACCESS = "tests/unit/app/server/access_test.ts";
const GATE = "tests/unit/app/server/authorizer_test.ts";
const IDENTITY = "tests/unit/protocol/handshake/peer_identity_test.ts";
const ENCRYPTION = "tests/connection/encryption_test.ts";
const MEASURED = "tests/unit/store/quota_store_test.ts";
const SESSION = "tests/unit/transfer/server/session_test.ts";

/** See the module's description. */
export const ACCESS_MUTANTS: readonly Mutant[] = [
  {
    id: "proof-of-any-handshake",
    broken: "The proof of a token says nothing of the handshake, so that a server can pass it on",
    file: "protocol/handshake/peer_identity.ts",
    text: '.update(PROOF_LABEL, "utf8").update(handshakeHash).digest()',
    becomes: '.update(PROOF_LABEL, "utf8").update(handshakeHash.subarray(0, 0)).digest()',
    caughtBy: [IDENTITY],
  },
  {
    id: "everybody-authorized",
    broken: "A client is taken that the server's owner does not know",
    file: "protocol/endpoint/endpoint.ts",
    text: "const missingPermission = agreement && this.#authorize(agreement.peer, remote);",
    becomes: "const missingPermission = undefined as string | undefined;",
    caughtBy: [ENCRYPTION],
  },
  {
    id: "access-denied-keeps-place",
    broken: "A client that is turned away keeps its place among the connections",
    file: "protocol/endpoint/endpoint.ts",
    text: "      this.#admission.release(serverId);\n      return missingPermission",
    becomes: "      if (agreement === undefined) this.#admission.release(serverId);\n      return missingPermission",
    caughtBy: [ENCRYPTION],
  },
  {
    id: "any-key",
    broken: "Whoever has a key has the first line",
    file: "app/server/access.ts",
    text: "peer.key !== undefined && timingSafeEqual(peer.key, entry.secret)",
    becomes: "peer.key !== undefined",
    caughtBy: [ACCESS],
  },
  {
    id: "revoked-stays",
    broken: "Whose permission is gone goes on as long as he stays connected",
    file: "app/server/authorizer.ts",
    text: "for (const [connection] of gone) this.#revoke(connection);",
    becomes: "void gone;",
    caughtBy: [GATE],
  },
  {
    id: "one-folder-for-all",
    broken: "Everybody is in the server's root, whatever folder his line names",
    file: "app/server/authorizer.ts",
    text: 'const store = folder === "" ? root : this.#openFolder(folder);',
    becomes: "const store = root;",
    caughtBy: [GATE],
  },
  {
    id: "folder-by-link",
    broken: "A folder that is a link leads out of the root",
    file: "app/server/authorizer.ts",
    text: "if (store.rootPath === path) return store;",
    becomes: "return store;",
    caughtBy: [GATE],
  },
  {
    id: "quota-without-arriving",
    broken: "A quota does not count what is on its way",
    file: "store/quota_store.ts",
    text: "return this.#storedBytes! + this.#reservedBytes + added <= quotaBytes;",
    becomes: "return this.#storedBytes! + added <= quotaBytes;",
    caughtBy: [MEASURED],
  },
  {
    id: "replaced-twice",
    broken: "Two that replace one file both count on its room",
    file: "store/quota_store.ts",
    text: "const replaced = overwrite && !this.#arriving.has(name) ? this.#sizeOf(name) : 0;",
    becomes: "const replaced = overwrite ? this.#sizeOf(name) : 0;",
    caughtBy: [MEASURED],
  },
  {
    id: "rights-unasked",
    broken: "What a client may not do is done",
    file: "transfer/server/session.ts",
    text: "if (forbidden !== undefined) {",
    becomes: "if (forbidden === null) {",
    caughtBy: [SESSION],
  },
  {
    id: "one-list-for-all",
    broken: "Who asks for a list may get that of somebody else's folder",
    file: "transfer/server/work.ts",
    text: "const list = { bytes, count, untilUs, generation: this.#generation };\n    this.#lists.set(store, list);",
    becomes: "const list = { bytes, count, untilUs, generation: this.#generation };\n    this.#lists.get = () => list;",
    caughtBy: ["tests/unit/transfer/server/work_test.ts"],
  },
];
