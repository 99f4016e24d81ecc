/**
 * Why a connection did not come about, in words.
 *
 * @module
 */

import type { NetAddress } from "../../base/net_address.ts";
import type { CloseReason } from "../../protocol/mod.ts";
import { closeFailure } from "../../transfer/failure.ts";
import { SluiceError } from "../api.ts";
import type { ExpectedServer } from "./api.ts";
import { formatKey } from "../keys.ts";

/** The server at an address did not respond in time. */
export class NoResponse extends SluiceError {
  constructor({ text: address }: NetAddress) {
    super("unreachable", `no response from ${address}`, { retry: "reconnect" });
  }
}

/** The error for a connection that ended before the server had responded. `server` is the one that was expected. */
export function connectError(remote: NetAddress, reason: CloseReason, server: ExpectedServer | undefined): SluiceError {
  const { text: address } = remote;
  if (reason.kind === "server-key") {
    const message = `the key of ${address} is ${formatKey(reason.actual)}, but ${server!.source} has ` +
      `${formatKey(reason.expected)}. Nothing was sent. If the server was reinstalled, ${server!.renewal}; otherwise ` +
      "SOMEONE MAY BE IMPERSONATING THE SERVER";
    return new SluiceError("refused", message);
  }
  if (reason.kind === "handshake-timeout") return new NoResponse(remote);
  const { kind, message, retry } = closeFailure(reason);
  return new SluiceError(kind === "refused" ? kind : "unreachable", `${address}: ${message}`, { retry });
}
