/**
 * This machine, as Deno shows it.
 *
 * @module
 */

import type { Platform } from "../app/platform.ts";
import { nowUs, randomBytes } from "./clock.ts";
import { linkOptions } from "../app/path_hints.ts";
import { nodeDisk } from "./node_disk.ts";
import { resolveHost } from "./resolve_host.ts";
import { openSystemSocket } from "./system_socket.ts";
import { SystemTimers, timerTickUs } from "./system_timer.ts";

const timers = new SystemTimers();

/** See the module's description. */
export const systemPlatform: Platform = {
  nowUs,
  randomBytes,
  timer: (action) => timers.timer(action),
  defer: <Value>() => Promise.withResolvers<Value>(),
  resolveHost,
  openSocket: (options) => openSystemSocket(options),
  linkOptions(isSimulated) {
    const { config, ...others } = linkOptions(isSimulated);
    return { config: { timerTickUs: timerTickUs(), ...config }, ...others };
  },
  disk: nodeDisk,
  crash(error) {
    // Nobody catches it: the program ends, and says where it was.
    queueMicrotask(() => {
      throw error;
    });
  },
};
