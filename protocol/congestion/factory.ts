/**
 * Makes the congestion controller that a send policy asks for.
 *
 * @module
 */

import type { SendPolicy } from "../config.ts";
import { CompetingBbr } from "./bbr/coexistence.ts";
import type { CongestionController, ControllerOptions } from "./controller.ts";
import { Cubic } from "./cubic.ts";
import { FixedRate } from "./fixed_rate.ts";

/** What {@link createController} takes beside the policy. */
export interface CreateControllerOptions extends ControllerOptions {
  /**
   * The most bytes that any controller may have in flight; unbounded by default. For a path whose buffer is known,
   * such as loopback's socket buffer.
   */
  readonly maxWindowBytes?: number;
}

/** A new controller for that policy, which is within its bounds (`checkSendPolicy`). */
export function createController(policy: SendPolicy, options: CreateControllerOptions): CongestionController {
  const { maxWindowBytes = Infinity } = options;
  switch (policy.kind) {
    case "bbr":
      return new CompetingBbr(options, { maxWindowBytes });
    case "cubic":
      return new Cubic(options, { maxWindowBytes });
    case "fixed":
      return new FixedRate(options, { rateBytesPerSecond: policy.rateBytesPerSecond, maxWindowBytes });
  }
}
