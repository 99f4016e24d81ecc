/**
 * Mistakes between two endpoints: handshake, addresses, keeping a connection and ending it.
 *
 * @module
 */

import type { Mutant } from "./mutant.ts";

const TOKEN = "tests/unit/protocol/handshake/address_token_test.ts";
const HANDSHAKE_UNIT = "tests/unit/protocol/handshake/client_handshake_test.ts";
const HANDSHAKE = "tests/connection/handshake_test.ts";
const PATH = "tests/unit/protocol/connection/path_test.ts";
const PATH_VALIDATION = "tests/unit/protocol/connection/path_validation_test.ts";
const ADDRESS = "tests/connection/address_test.ts";
const CLOSE = "tests/connection/close_test.ts";

const STRANGERS: readonly Mutant[] = [
  {
    id: "token-any-address",
    broken: "An address token is good at any address",
    file: "protocol/handshake/address_token.ts",
    text: '.update(ids).update(address, "utf8");',
    becomes: ".update(ids);",
    caughtBy: [TOKEN],
  },
  {
    id: "token-for-ever",
    broken: "An address token never expires",
    file: "protocol/handshake/address_token.ts",
    text: "if (ageUs < 0 || ageUs > this.#lifetimeUs) return false;",
    becomes: "if (ageUs < 0) return false;",
    caughtBy: [TOKEN],
  },
  {
    id: "handshake-replayed",
    broken: "A ClientFinish that is sent again after its connection has ended makes another one",
    file: "protocol/endpoint/endpoint.ts",
    text: 'if ((this.#ended.get(serverId) ?? 0) > nowUs) return this.#drop("repeated");',
    becomes: "",
    caughtBy: [HANDSHAKE],
  },
  {
    id: "short-hello",
    broken: "A Hello of a few bytes is answered by more than came in",
    file: "protocol/wire/packet.ts",
    text: "this.destinationId === 0 && reader.end >= MIN_HELLO_BYTES &&",
    becomes: "this.destinationId === 0 &&",
    caughtBy: ["tests/unit/protocol/wire/packet_test.ts", HANDSHAKE],
  },
  {
    id: "id-taken-twice",
    broken: "A connection ID that is in use is given to another connection",
    file: "protocol/endpoint/endpoint.ts",
    text: "if (id !== 0 && !this.#connections.has(id) && !this.#ended.has(id)) return id;",
    becomes: "if (id !== 0) return id;",
    caughtBy: [HANDSHAKE],
  },
  {
    id: "one-connection-more",
    broken: "A server takes one connection more than it may: an off-by-one",
    file: "base/fair_slots.ts",
    text: 'if (this.#count >= this.max) return "all";',
    becomes: 'if (this.#count > this.max) return "all";',
    caughtBy: ["tests/unit/base/fair_slots_test.ts", HANDSHAKE],
  },
  {
    id: "hello-floods",
    broken: "The time between two Hellos does not grow",
    file: "protocol/handshake/client_handshake.ts",
    text: "this.#timeoutUs = Math.min(2 * this.#timeoutUs, MAX_HELLO_TIMEOUT_US);",
    becomes: "",
    caughtBy: [HANDSHAKE_UNIT],
  },
  {
    id: "hello-rtt-ambiguous",
    broken: "The round trip is taken from a Hello that was sent twice, though nobody knows which one was answered",
    file: "protocol/handshake/client_handshake.ts",
    text: "rttUs: this.#sentCount === 1 ? leastRttUs : 0,",
    becomes: "rttUs: leastRttUs,",
    caughtBy: [HANDSHAKE_UNIT],
  },
  {
    id: "version-downgrade",
    broken: "A list of versions that holds ours ends the handshake",
    file: "protocol/handshake/client_handshake.ts",
    text: 'return supported.includes(this.#suite.version) ? "out of place" : { kind: "version", supported };',
    becomes: 'return { kind: "version", supported };',
    caughtBy: [HANDSHAKE],
  },
];

const ADDRESSES: readonly Mutant[] = [
  {
    id: "challenge-unchecked",
    broken: "Any answer to a path challenge proves the address",
    file: "protocol/connection/path_validation.ts",
    text: "if (this.#challenge === undefined || !data.every((byte, i) => byte === this.#challenge![i])) return;",
    becomes: "if (this.#challenge === undefined) return;",
    caughtBy: [PATH_VALIDATION, ADDRESS],
  },
  {
    id: "challenge-once",
    broken: "A path challenge that was lost is not sent again",
    file: "protocol/connection/path_validation.ts",
    text: "if (this.#isValidated) return;\n    this.#isChallengeDue = true;",
    becomes: "if (this.#isValidated) return;",
    caughtBy: [PATH_VALIDATION, ADDRESS],
  },
  {
    id: "amplification",
    broken: "An address that is not proven is sent as much as there is to send",
    file: "protocol/connection/path_validation.ts",
    text: "if (!this.#isValidated) this.#allowanceBytes -= bytes;",
    becomes: "",
    caughtBy: [PATH_VALIDATION, ADDRESS],
  },
  {
    id: "proven-forgotten",
    broken: "A peer that comes back to its proven address finds the path's measurements gone",
    file: "protocol/connection/path.ts",
    text: "else if (remote === this.#proven?.remote) return this.#returnTo(nowUs, this.#proven);",
    becomes: "",
    caughtBy: [PATH],
  },
  {
    id: "moved-by-old-packet",
    broken: "A late packet from the old address takes the connection back there",
    file: "protocol/connection/connection.ts",
    text: "if (remote !== this.#path.remote && isNewest) this.#migrate(",
    becomes: "if (remote !== this.#path.remote) this.#migrate(",
    caughtBy: [ADDRESS],
  },
  {
    id: "path-remembered",
    broken: "What was measured of another network stands after a move",
    file: "protocol/connection/path.ts",
    text: "if (!isSameHost) this.#forgetMeasurements();",
    becomes: "",
    caughtBy: [PATH],
  },
];

const ENDS: readonly Mutant[] = [
  {
    id: "close-once",
    broken: "A CONNECTION_CLOSE that was lost is not sent again when the peer goes on",
    file: "protocol/connection/close_state.ts",
    text: "if (Number.isInteger(Math.log2(++this.#heardCount))) this.#dueCount = 1;",
    becomes: "",
    caughtBy: ["tests/unit/protocol/connection/close_state_test.ts", CLOSE],
  },
  {
    id: "close-without-end",
    broken: "A connection that was closed is never forgotten",
    file: "protocol/connection/connection.ts",
    text: "this.#timers.set(Timer.closing, nowUs + 3 * this.#path.ptoUs);",
    becomes: "",
    caughtBy: [CLOSE],
  },
  {
    id: "idle-for-ever",
    broken: "A connection on which nothing arrives never ends",
    file: "protocol/connection/connection.ts",
    text: "this.#timers.set(Timer.idle, nowUs + Math.max(this.#idleTimeoutUs, 3 * this.#path.ptoUs));",
    becomes: "",
    caughtBy: [CLOSE],
  },
  {
    id: "idle-unit",
    broken: "The peer's idle timeout is in milliseconds and taken for microseconds",
    file: "protocol/connection/connection.ts",
    text: "Math.min(this.#config.idleTimeoutUs, parameters.maxIdleTimeoutMs * 1000);",
    becomes: "Math.min(this.#config.idleTimeoutUs, parameters.maxIdleTimeoutMs);",
    caughtBy: [CLOSE],
  },
  {
    id: "keep-alive",
    broken: "A connection that is kept open for later sends no PING, and ends",
    file: "protocol/connection/connection.ts",
    text:
      "this.#timers.set(Timer.keepAlive, nowUs + (this.#streams.openCount > 0 ? transferKeepAliveUs : keepAliveUs));",
    becomes: "",
    caughtBy: [CLOSE],
  },
  {
    id: "reset-guessed",
    broken: "A Reset ends a connection whatever packet it names, so that a stranger may send one",
    file: "protocol/handshake/client_handshake.ts",
    text: "if (this.#resetToken === undefined) return isOutstanding(header.packetNumber);",
    becomes: "if (this.#resetToken === undefined) return true;",
    caughtBy: [CLOSE],
  },
];

/** See the module's description. */
export const ENDPOINT_MUTANTS: readonly Mutant[] = [...STRANGERS, ...ADDRESSES, ...ENDS];
