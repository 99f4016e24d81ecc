/**
 * `--limit`: a rate limit that changes with the time of day.
 *
 * @module
 */

import { limitAt, type RateSchedule } from "../app/rate.ts";
import type { CliContext } from "./context.ts";

/** How often the time of day is looked at, microseconds. */
const LOOK_INTERVAL_US = 10_000_000;

/**
 * Calls `apply` with the limit of now, bytes per second, whenever that is another one than at first, until the returned
 * function is called.
 */
export function followSchedule(
  schedule: RateSchedule | undefined,
  { clock, minuteOfDay }: Pick<CliContext, "clock" | "minuteOfDay">,
  apply: (bytesPerSecond: number) => void,
): () => void {
  if (schedule === undefined || schedule.length < 2) return () => {};
  let current = limitAt(schedule, minuteOfDay());
  const timer = clock.timer(() => {
    const next = limitAt(schedule, minuteOfDay());
    if (next !== current) apply(current = next);
    timer.set(LOOK_INTERVAL_US);
  });
  timer.set(LOOK_INTERVAL_US);
  return () => timer.clear();
}
