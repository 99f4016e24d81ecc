/**
 * `sluice hosts`: the servers that this client knows, and their keys.
 *
 * @module
 */

import type { Command } from "commander";
import { SluiceError } from "../app/api.ts";
import { formatKey } from "../app/keys.ts";
import { formatHostPort } from "../base/net_address.ts";
import { parseServer, type ServerName } from "./address.ts";
import { readKey, valueOrThrow } from "./command_line.ts";
import type { CliSession, KnownHosts } from "./context.ts";
import { ExitCode } from "./exit_codes.ts";
import { tellResult } from "./results.ts";

/** What to do with the known servers. */
export interface HostsTask {
  readonly kind: "hosts";
  /** To print all, without a change. */
  readonly change?:
    | { readonly kind: "forget"; readonly servers: readonly ServerName[] }
    | { readonly kind: "replace"; readonly server: ServerName; readonly key: Uint8Array };
}

/** Adds the command to a program. */
export function addHosts(program: Command, accept: (task: HostsTask) => void): void {
  const hosts = program.command("hosts")
    .description("list the servers that you have connected to, and their keys")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .allowExcessArguments(false)
    .action(() => accept({ kind: "hosts" }));
  hosts.command("forget")
    .description("forget servers: the next connection is a first one")
    .argument("<server...>", "servers, HOST or HOST:PORT", readServers)
    .helpOption("-h, --help", "print this help")
    .action((servers: ServerName[]) => accept({ kind: "hosts", change: { kind: "forget", servers } }));
  hosts.command("replace")
    .description("trust a server by another key, or a new one by its key")
    .argument("<server>", "server, HOST or HOST:PORT", (text) => valueOrThrow(parseServer(text)))
    .argument("<key>", "key, as `sluice-server key` prints it", readKey)
    .helpOption("-h, --help", "print this help")
    .action((server: ServerName, key: Uint8Array) =>
      accept({ kind: "hosts", change: { kind: "replace", server, key } })
    );
}

function readServers(text: string, previous: readonly ServerName[] = []): readonly ServerName[] {
  return [...previous, valueOrThrow(parseServer(text))];
}

/** Prints or changes the known servers. Throws SluiceError. */
export function runHosts({ change }: HostsTask, knownHosts: KnownHosts, session: CliSession): ExitCode {
  if (change === undefined) {
    for (const { address, key: bytes } of knownHosts.list()) {
      const key = formatKey(bytes);
      tellResult(session, { type: "host", address, key }, [`${address} ${key}`]);
    }
    return ExitCode.done;
  }
  if (change.kind === "replace") {
    knownHosts.replace(nameOf(change.server), change.key);
    return ExitCode.done;
  }
  const names = change.servers.map(nameOf);
  const unknown = names.find((name) => knownHosts.keyOf(name) === undefined);
  if (unknown !== undefined) {
    throw new SluiceError("not-found", `${unknown} is not a known server (see "sluice hosts"); none was forgotten`);
  }
  for (const name of names) knownHosts.replace(name, undefined);
  return ExitCode.done;
}

function nameOf({ host, port }: ServerName): string {
  return formatHostPort(host.toLowerCase(), port);
}
