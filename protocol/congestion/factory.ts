/**
 * Makes a congestion controller by name.
 *
 * @module
 */

import { CallerError } from "../errors.ts";
import { CompetingBbr } from "./bbr/coexistence.ts";
import type { CongestionController, ControllerOptions } from "./controller.ts";
import { FixedRate } from "./fixed_rate.ts";
import { Cubic } from "./cubic.ts";

/** The controllers that {@link createController} knows. */
export type ControllerName = "bbr" | "cubic" | "fixed";

/** What {@link createController} takes: what every controller is made with, and what only some or one of them want. */
export interface CreateControllerOptions extends ControllerOptions {
  /**
   * The most bytes that any controller may have in flight; unbounded by default. For a path whose buffer is known,
   * such as loopback's socket buffer.
   */
  readonly maxWindowBytes?: number;
  /** Bytes per second of "fixed", which needs it; the others do without. */
  readonly rateBytesPerSecond?: number;
}

/** A new controller of that name. Throws CallerError where "fixed" is given no rate. */
export function createController(name: ControllerName, options: CreateControllerOptions): CongestionController {
  const { maxWindowBytes = Infinity, rateBytesPerSecond } = options;
  switch (name) {
    case "bbr":
      return new CompetingBbr(options, { maxWindowBytes });
    case "cubic":
      return new Cubic(options, { maxWindowBytes });
    case "fixed":
      if (rateBytesPerSecond === undefined) throw new CallerError('"fixed" needs rateBytesPerSecond');
      return new FixedRate(options, { rateBytesPerSecond, maxWindowBytes });
  }
}
