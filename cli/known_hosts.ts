/**
 * Trust on first use (TOFU): the client remembers the key of each server at first contact, as ssh does with known_hosts,
 * and afterwards accepts no other at that address. A key on the command line is the only one accepted, even on first
 * contact.
 *
 * @module
 */

import { SluiceError } from "../app/api.ts";
import { formatHostPort } from "../base/net_address.ts";
import type { Client, ExpectedServer } from "../app/client/api.ts";
import { formatKey } from "../app/keys.ts";
import type { ClientArguments } from "./client_arguments.ts";
import type { KnownHosts } from "./context.ts";

/** Decides which key one address must have. */
export class HostKeyVerifier {
  readonly #address: string;
  /** Undefined if the command line has the key. */
  readonly #knownHosts: KnownHosts | undefined;
  #expected: ExpectedServer | undefined;

  /** Looks the address up, unless the command line has the key. Throws SluiceError. */
  constructor(
    { connection, serverKey }: Pick<ClientArguments, "connection" | "serverKey">,
    openKnownHosts: () => KnownHosts,
  ) {
    this.#address = formatHostPort(connection.host.toLowerCase(), connection.port);
    if (serverKey !== undefined) {
      this.#expected = { key: serverKey, source: "--server-key", renewal: "pass the key that it has now" };
      return;
    }
    const knownHosts = this.#knownHosts = openKnownHosts();
    const known = knownHosts.keyOf(this.#address);
    if (known !== undefined) this.#expected = this.#remembered(known, knownHosts);
  }

  /** The server that must answer; undefined on first contact. */
  get expected(): ExpectedServer | undefined {
    return this.#expected;
  }

  /** Folders that are written to after first contact. */
  get foldersWritten(): readonly string[] {
    return this.#expected !== undefined || this.#knownHosts === undefined ? [] : [this.#knownHosts.folder];
  }

  /** Remembers the key of a server on first contact; returns what to tell the user about it, if anything. */
  onConnected({ serverKey }: Pick<Client, "serverKey">): string | undefined {
    const knownHosts = this.#knownHosts;
    if (this.#expected !== undefined || knownHosts === undefined) return undefined;
    const first = `First connection to ${this.#address}. Its key is ${formatKey(serverKey)}`;
    const verify = "To verify, run `sluice-server key` on that machine.";
    try {
      knownHosts.remember(this.#address, serverKey);
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      return `${first} (not saved: ${error.message}). ${verify}`;
    }
    this.#expected = this.#remembered(serverKey, knownHosts);
    return `${first} (saved). ${verify}`;
  }

  #remembered(key: Uint8Array, { file }: KnownHosts): ExpectedServer {
    return { key, source: file, renewal: `remove the line of ${this.#address} from that file` };
  }
}
