/**
 * This machine, as Deno shows it.
 *
 * @module
 */

import { clearImmediate, setImmediate } from "node:timers";
import type { Platform, Timer } from "../app/platform.ts";
import { nowUs, randomBytes } from "./clock.ts";
import { linkOptions } from "../app/path_hints.ts";
import { nodeDisk } from "./node_disk.ts";
import { resolveHost } from "./resolve_host.ts";
import { openSystemSocket } from "./system_socket.ts";

/** The longest that `setTimeout` can wait. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** See the module's description. */
export const systemPlatform: Platform = {
  nowUs,
  randomBytes,
  timer: (action) => new SystemTimer(action),
  defer: <Value>() => Promise.withResolvers<Value>(),
  resolveHost,
  openSocket: (options) => openSystemSocket(options),
  linkOptions,
  disk: nodeDisk,
  crash(error) {
    // Nobody catches it: the program ends, and says where it was.
    queueMicrotask(() => {
      throw error;
    });
  },
};

/** No finer than `setTimeout`, which takes whole milliseconds and fires about two after it was set, however short. */
class SystemTimer implements Timer {
  readonly #action: () => void;
  #timeout: ReturnType<typeof setTimeout> | undefined;
  #immediate: ReturnType<typeof setImmediate> | undefined;

  constructor(action: () => void) {
    this.#action = action;
  }

  set(delayUs: number): void {
    this.clear();
    if (delayUs <= 0) this.#immediate = setImmediate(this.#action);
    else this.#timeout = setTimeout(this.#action, Math.min(Math.ceil(delayUs / 1000), MAX_TIMEOUT_MS));
  }

  clear(): void {
    if (this.#timeout !== undefined) clearTimeout(this.#timeout);
    if (this.#immediate !== undefined) clearImmediate(this.#immediate);
    this.#timeout = undefined;
    this.#immediate = undefined;
  }
}
