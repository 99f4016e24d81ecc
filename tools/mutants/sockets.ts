/**
 * Mistakes between the programs and the sockets of this machine.
 *
 * @module
 */

import type { Mutant } from "./mutant.ts";

/** See the module's description. */
export const SOCKET_MUTANTS: readonly Mutant[] = [
  {
    id: "batch-answered-early",
    broken: "Each datagram of a batch is answered by itself",
    file: "app/driver.ts",
    text: "if (!this.#isFlushing && !this.#isGathering && this.#arrivedUs === undefined) this.#flush();",
    becomes: "if (!this.#isFlushing && !this.#isGathering) this.#flush();",
  },
  {
    id: "timer-set-for-the-last",
    broken: "The timer is set for the connection that was served last, not for the one that is due first",
    file: "app/driver.ts",
    text: "else this.#wantedUs = Math.min(this.#wantedUs, connection.pollTimeout());",
    becomes: "else this.#wantedUs = connection.pollTimeout();",
  },
  {
    id: "longer-datagram-forgotten",
    broken: "A datagram that is longer than those before it in its batch is not sent",
    file: "app/send_batch.ts",
    text: "this.#restBytes = length;",
    becomes: "",
  },
  {
    id: "coalesced-taken-for-one",
    broken: "Datagrams that the kernel has put together are taken for one",
    file: "io/message_vectors.ts",
    text: "return control[word + 4]!;",
    becomes: "return 0;",
  },
  {
    id: "lengths-not-reset",
    broken: "The kernel is told the room for names and control data that the last message took",
    file: "io/message_vectors.ts",
    text: "this.headers[header + 10] = CONTROL_BYTES;",
    becomes: "",
  },
  {
    id: "cut-message-used",
    broken: "A message of which something was cut off is passed on",
    file: "io/message_vectors.ts",
    text: "if (isCut) continue;",
    becomes: "",
    caughtBy: "tests/unit/io/batch_socket_test.ts",
  },
  {
    id: "refused-batch-lost",
    broken: "Datagrams are lost when a device refuses to cut them",
    file: "io/batch_socket.ts",
    text: "return errno === EIO || errno === EINVAL || errno === EMSGSIZE;",
    becomes: "return false;",
  },
  {
    id: "descriptor-kept",
    broken: "A socket that was closed keeps its descriptor",
    file: "io/batch_socket.ts",
    text: "this.#libc.close(this.#fd);",
    becomes: "",
  },
  {
    id: "network-kept",
    broken: "A program keeps the permission to use the network that it does not need",
    file: "io/permissions.ts",
    text: 'if (!needs.network) revoke({ name: "net" });',
    becomes: "",
    caughtBy: "tests/e2e/permissions_test.ts",
  },
  {
    id: "cleared-timer-fires",
    broken: "A timer that was cleared fires when the thread that slept for it wakes",
    file: "io/system_timer.ts",
    text: "if (generation === this.#generation) this.#action();",
    becomes: "this.#action();",
  },
];
