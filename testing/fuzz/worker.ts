/**
 * One of `--jobs` workers: is sent a plan, and sends back what became of it.
 *
 * @module
 */

/// <reference lib="deno.worker" />

import { run, type RunPlan } from "./runner.ts";

self.onmessage = async ({ data }: MessageEvent<RunPlan>) => {
  self.postMessage(await run(data));
  self.close();
};
