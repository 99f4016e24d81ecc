/**
 * Mistakes in the encrypted handshake and in what protects packets.
 *
 * @module
 */

import type { Mutant } from "./mutant.ts";

const CHACHA = "tests/unit/protocol/crypto/chacha_protection_test.ts";
const NOISE = "tests/unit/protocol/crypto/noise_test.ts";
const SUITE = "tests/unit/protocol/handshake/noise_suite_test.ts";
const ENCRYPTION = "tests/connection/encryption_test.ts";

/** See the module's description. */
export const ENCRYPTION_MUTANTS: readonly Mutant[] = [
  {
    id: "tag-unchecked",
    broken: "A packet whose tag is wrong is taken all the same",
    file: "protocol/crypto/chacha_protection.ts",
    text: "if (key === undefined || !key.aead.open(datagram, 0, headerEnd, payloadEnd, packetNumber)) return -1;",
    becomes:
      "if (key === undefined) return -1;\n    void key.aead.open(datagram, 0, headerEnd, payloadEnd, packetNumber);",
    caughtBy: [CHACHA, ENCRYPTION],
  },
  {
    id: "one-key-for-ever",
    broken: "The keys of a connection never change",
    file: "protocol/crypto/chacha_protection.ts",
    text: "export const PACKETS_PER_KEY: number = 2 ** 22;",
    becomes: "export const PACKETS_PER_KEY: number = 2 ** 53;",
    caughtBy: [CHACHA],
  },
  {
    id: "any-key-ahead",
    broken: "A packet of any later number moves the receiver to its next key",
    file: "protocol/crypto/chacha_protection.ts",
    text: "if (key === this.#upcoming) this.#advance(key);",
    becomes: "this.#advance(key);",
    caughtBy: [CHACHA],
  },
  {
    id: "forged-message-spoils",
    broken: "A forged message of the handshake spoils it for the genuine one",
    file: "protocol/crypto/noise.ts",
    text: "const symmetric = this.#symmetric.clone();",
    becomes: "const symmetric = this.#symmetric;",
    caughtBy: [NOISE, SUITE],
  },
  {
    id: "connection-unbound",
    broken: "The connection's ID is no part of the transcript",
    file: "protocol/handshake/noise_suite.ts",
    text: "writer.u32(Version.encrypted);\n  writer.bytes(clientId);",
    becomes: "writer.u32(Version.encrypted);",
    caughtBy: [SUITE],
  },
  {
    id: "sealed-for-anyone",
    broken: "The server's half of a handshake is good for whatever address brings it back",
    file: "protocol/handshake/noise_suite.ts",
    text: '.update(address, "utf8")',
    becomes: "",
    caughtBy: [SUITE, ENCRYPTION],
  },
  {
    id: "sealed-for-ever",
    broken: "The server's half of a handshake does not expire",
    file: "protocol/handshake/noise_suite.ts",
    text: "if (tokenAgeUs < 0 || tokenAgeUs > this.#options.tokenLifetimeUs) return undefined;",
    becomes: "if (tokenAgeUs < 0) return undefined;",
    caughtBy: [SUITE],
  },
  {
    id: "any-server",
    broken: "A client goes on with a server that has another key than it must",
    file: "protocol/handshake/client_handshake.ts",
    text: "if (expected !== undefined && actual !== undefined && !isSame(expected, actual)) {",
    becomes: "if (expected !== undefined && actual !== undefined && expected.length !== actual.length) {",
    caughtBy: [ENCRYPTION],
  },
  {
    id: "any-reset",
    broken: "A Reset needs no token, so that a stranger may send one",
    file: "protocol/handshake/client_handshake.ts",
    text: "return timingSafeEqual(datagram.subarray(header.headerEnd), this.#resetToken);",
    becomes: "return true;",
    caughtBy: [ENCRYPTION],
  },
  {
    id: "any-refusal",
    broken: "A Refusal is believed whoever sends it",
    file: "protocol/handshake/client_handshake.ts",
    text: "if (!timingSafeEqual(datagram.subarray(header.headerEnd, textStart), refusalMac(this.#resetToken, text))) {",
    becomes: "if (text.length > 256) {",
    caughtBy: [ENCRYPTION],
  },
  {
    id: "plaintext-uninvited",
    broken: "A server that encrypts takes clients in the clear without having been told to",
    file: "protocol/endpoint/endpoint.ts",
    text: "if (staticKey === undefined || allowsPlaintext) suites.push",
    becomes: "if (staticKey === undefined || !allowsPlaintext) suites.push",
    caughtBy: [ENCRYPTION],
  },
  {
    id: "cookie-for-anyone",
    broken: "Any cookie proves any address",
    file: "protocol/handshake/noise_suite.ts",
    text: "return cookie.length > 0 && this.#cookies.verify(",
    becomes: "return cookie.length > 0 || this.#cookies.verify(",
    caughtBy: [SUITE],
  },
  {
    id: "cookie-again-and-again",
    broken: "Every forged Cookie has a client say Hello once more",
    file: "protocol/handshake/client_handshake.ts",
    text: "this.#mayTakeCookie = false;",
    becomes: "",
    caughtBy: [ENCRYPTION],
  },
  {
    id: "forged-takes-a-place",
    broken: "A forged ClientFinish packet takes a connection's place for good",
    file: "protocol/endpoint/endpoint.ts",
    text: "this.#admission.release(serverId);",
    becomes: "",
    caughtBy: [ENCRYPTION],
  },
];
