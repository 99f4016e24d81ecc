/**
 * Creates the congestion controller for a send policy.
 *
 * @module
 */

import type { SendPolicy } from "../config.ts";
import { CompetingBbr } from "./bbr/coexistence.ts";
import type { CongestionController, ControllerOptions } from "./controller.ts";
import { Cubic } from "./cubic.ts";
import { FixedRate } from "./fixed_rate.ts";
import { Ledbat } from "./ledbat.ts";

/** Options of {@link createController} besides the policy. */
export interface CreateControllerOptions extends ControllerOptions {
  /**
   * Upper bound of any controller's window, bytes; unbounded by default. For a path whose buffer is known, such as the
   * socket buffer on loopback.
   */
  readonly maxWindowBytes?: number;
}

/** Creates a controller for a policy that `checkSendPolicy` has accepted. */
export function createController(policy: SendPolicy, options: CreateControllerOptions): CongestionController {
  const { maxWindowBytes = Infinity } = options;
  switch (policy.kind) {
    case "bbr":
      return new CompetingBbr(options, { maxWindowBytes });
    case "cubic":
      return new Cubic(options, { maxWindowBytes });
    case "background":
      return new Ledbat(options, { maxWindowBytes });
    case "fixed":
      return new FixedRate(options, { rateBytesPerSecond: policy.rateBytesPerSecond, maxWindowBytes });
  }
}
