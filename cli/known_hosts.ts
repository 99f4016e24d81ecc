/**
 * Whom the client takes for the server: one with the key that the person named, or else with the key that the server at
 * this address had the first time, as ssh does.
 *
 * @module
 */

import { SluiceError } from "../app/api.ts";
import type { Client, ExpectedServer } from "../app/client/api.ts";
import { formatAddress } from "../app/address.ts";
import { formatKey } from "../app/keys.ts";
import type { ClientArguments } from "./client_arguments.ts";

/** Where the keys of known servers are kept. */
export interface KnownHosts {
  readonly file: string;
  /** The one that has the file. */
  readonly folder: string;
  /** Throws SluiceError. */
  keyOf(address: string): Uint8Array | undefined;
  /** Throws SluiceError. */
  remember(address: string, key: Uint8Array): void;
}

/** Decides for one address. */
export class HostKeyVerifier {
  readonly #address: string;
  readonly #memory: KnownHosts;
  readonly #pinned: Uint8Array | undefined;
  #expected: ExpectedServer | undefined;

  /** Looks the address up. Throws SluiceError. */
  constructor({ server, serverKey }: ClientArguments, memory: KnownHosts) {
    this.#address = formatAddress(server.host.toLowerCase(), server.port);
    this.#memory = memory;
    this.#pinned = serverKey;
    this.#expected = this.#lookUp();
  }

  /** The server that must answer; undefined for one that was never seen. */
  get expected(): ExpectedServer | undefined {
    return this.#expected;
  }

  /** Folders that are written to when a new server has answered. */
  get foldersWritten(): readonly string[] {
    return this.#expected !== undefined ? [] : [this.#memory.folder];
  }

  /** It has answered: remembers a new one, and returns what the person is to be told of it, if anything. */
  onConnected({ serverKey }: Client): string | undefined {
    if (this.#expected !== undefined) return undefined;
    const key = formatKey(serverKey);
    try {
      this.#memory.remember(this.#address, serverKey);
      this.#expected = this.#known(serverKey);
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      return `${this.#address} is new, its key ${key}; it will be new the next time too: ${error.message}.`;
    }
    return `${this.#address} is new. Its key is ${key}, remembered from now on; compare it with what ` +
      `"sluice-server key" prints there.`;
  }

  #lookUp(): ExpectedServer | undefined {
    if (this.#pinned !== undefined) return { key: this.#pinned, source: "By --server-key its key is" };
    const key = this.#memory.keyOf(this.#address);
    return key && this.#known(key);
  }

  #known(key: Uint8Array): ExpectedServer {
    return { key, source: `The key of ${this.#address} in ${this.#memory.file} is` };
  }
}
