/**
 * Trust on first use (TOFU): the client remembers the key of each server at first contact, as ssh does with known_hosts,
 * and afterwards accepts no other at that address. On a terminal the user is asked first. A key on the command line is the
 * only one accepted, even on first contact; this user's own server needs no question.
 *
 * @module
 */

import { SluiceError } from "../app/api.ts";
import { formatHostPort, isLoopbackHost } from "../base/net_address.ts";
import type { Client, ExpectedServer } from "../app/client/api.ts";
import { formatKey } from "../app/keys.ts";
import type { ClientArguments } from "./client_arguments.ts";
import type { Confirm } from "./confirm.ts";
import type { CliContext, KnownHosts } from "./context.ts";

/** What of the command line says which server to trust. */
type TrustArguments = Pick<ClientArguments, "connection" | "serverKey" | "acceptNew" | "stateFolder">;

/** Decides which key one address must have. */
export class HostKeyVerifier {
  readonly #address: string;
  /** Undefined if the command line has the key. */
  readonly #knownHosts: KnownHosts | undefined;
  /** The key of this user's own server, where the address is this machine's. */
  readonly #ownKey: Uint8Array | undefined;
  readonly #acceptNew: boolean;
  #expected: ExpectedServer | undefined;

  /** Looks the address up, unless the command line has the key. Throws SluiceError. */
  constructor(args: TrustArguments, context: Pick<CliContext, "findIdentity" | "openKnownHosts">) {
    const { acceptNew, connection: { host, port }, serverKey, stateFolder } = args;
    this.#address = formatHostPort(host.toLowerCase(), port);
    this.#acceptNew = acceptNew;
    if (serverKey !== undefined) {
      this.#expected = { ...serverKey, renewal: "pass the key that it has now" };
      return;
    }
    const knownHosts = this.#knownHosts = context.openKnownHosts(stateFolder);
    const known = knownHosts.keyOf(this.#address);
    if (known !== undefined) this.#expected = this.#remembered(known, knownHosts);
    else if (isLoopbackHost(host)) this.#ownKey = context.findIdentity("server", stateFolder)?.publicKey;
  }

  /** The server that must answer; undefined on first contact. */
  get expected(): ExpectedServer | undefined {
    return this.#expected;
  }

  /** Folders that are written to after first contact. */
  get foldersWritten(): readonly string[] {
    return this.#expected !== undefined || this.#knownHosts === undefined ? [] : [this.#knownHosts.folder];
  }

  /**
   * On first contact, asks whether to trust a server and remembers its key; without a terminal, or with `--accept-new`, it
   * does not ask. Resolves to what to tell the user about it, if anything. Rejects with SluiceError if the answer is no.
   */
  async verify({ serverKey }: Pick<Client, "serverKey">, confirm: Confirm): Promise<string | undefined> {
    const knownHosts = this.#knownHosts;
    if (this.#expected !== undefined || knownHosts === undefined) return undefined;
    if (this.#ownKey !== undefined && formatKey(this.#ownKey) === formatKey(serverKey)) return undefined;
    const first = `First connection to ${this.#address}. Its key is ${formatKey(serverKey)}`;
    const verify = "To verify, run `sluice-server key` on that machine.";
    const answer = this.#acceptNew ? undefined : await confirm([`${first}.`, verify], "Trust this server?");
    if (answer === false) throw new SluiceError("refused", `${this.#address} is not trusted; nothing was sent`);
    try {
      knownHosts.remember(this.#address, serverKey);
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      return answer ? `The key was not saved: ${error.message}` : `${first} (not saved: ${error.message}). ${verify}`;
    }
    this.#expected = this.#remembered(serverKey, knownHosts);
    return answer ? undefined : `${first} (saved). ${verify}`;
  }

  #remembered(key: Uint8Array, { file }: KnownHosts): ExpectedServer {
    return { key, source: file, renewal: `run \`sluice hosts forget ${this.#address}\`` };
  }
}
