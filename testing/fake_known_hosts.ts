/**
 * A fake of the file of known servers.
 *
 * @module
 */

import type { KnownHost, KnownHosts } from "../cli/context.ts";

/** Keeps the keys of servers in memory. */
export class FakeKnownHosts implements KnownHosts {
  folder = "/state";
  readonly file = "/state/known_servers";
  readonly keys = new Map<string, Uint8Array>();
  error: Error | undefined;

  keyOf(address: string): Uint8Array | undefined {
    return this.keys.get(address);
  }

  remember(address: string, key: Uint8Array): void {
    if (this.error !== undefined) throw this.error;
    this.keys.set(address, key);
  }

  list(): readonly KnownHost[] {
    return [...this.keys].map(([address, key]) => ({ address, key }));
  }

  replace(address: string, key: Uint8Array | undefined): void {
    if (key === undefined) this.keys.delete(address);
    else this.keys.set(address, key);
  }
}
