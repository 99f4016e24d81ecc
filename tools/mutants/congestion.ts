/**
 * Mistakes in congestion control, and in what it is told.
 *
 * @module
 */

import type { Mutant } from "./mutant.ts";

const CUBIC = "tests/unit/protocol/congestion/cubic_test.ts";
const BBR = "tests/unit/protocol/congestion/bbr/bbr_test.ts";
const DELIVERY_RATE = "tests/unit/protocol/congestion/delivery_rate_test.ts";
const CONNECTION = "tests/connection/congestion_test.ts";
const RATE = "tests/connection/rate_test.ts";
const GOALS = "tests/sim/goals_test.ts";

/** See the module's description. */
export const CONGESTION_MUTANTS: readonly Mutant[] = [
  {
    id: "window-never-reduced",
    broken: "CUBIC does not reduce its window for a loss",
    file: "protocol/congestion/cubic.ts",
    text: "this.#windowBytes = this.#bounded(windowBytes * BETA);",
    becomes: "this.#windowBytes = this.#bounded(windowBytes);",
    caughtBy: [CUBIC],
  },
  {
    id: "reduced-for-each-loss",
    broken: "CUBIC reduces its window for each loss of one round trip, not once for all",
    file: "protocol/congestion/cubic.ts",
    text: "if (event.largestLostSentUs <= this.#recoveryStartUs) {",
    becomes: "if (false) {",
    caughtBy: [CUBIC],
  },
  {
    id: "spurious-not-undone",
    broken: "A reduction for losses that were none is not undone",
    file: "protocol/congestion/cubic.ts",
    text: "this.#windowBytes = this.#bounded(undo.windowBytes);",
    becomes: "",
    caughtBy: [CUBIC],
  },
  {
    id: "spurious-untold",
    broken: "Congestion control does not hear that a loss was none",
    file: "protocol/connection/loss_recovery.ts",
    text: "if (packet.sentUs >= path.controllerSinceUs) path.controller.onSpuriousLoss(this.#nowUs, packet.sentUs);",
    becomes: "",
    caughtBy: [CONNECTION],
  },
  {
    id: "idle-window-grows",
    broken: "A window that is not used grows all the same",
    file: "protocol/congestion/cubic.ts",
    text: "} else if (!this.#isWindowUsed(event.priorBytesInFlight)) {",
    becomes: "} else if (false) {",
    caughtBy: [CUBIC],
  },
  {
    id: "persistent-keeps-window",
    broken: "CUBIC keeps its window in persistent congestion",
    file: "protocol/congestion/cubic.ts",
    text: "this.#windowBytes = this.#bounded(0);",
    becomes: "",
    caughtBy: [CUBIC],
  },
  {
    id: "window-ignored",
    broken: "Data are sent though the congestion window is full",
    file: "protocol/connection/loss_recovery.ts",
    text: "if (isWindowFull) return SendMode.ackOnly;",
    becomes: "",
    caughtBy: [CONNECTION],
  },
  {
    id: "rate-of-acks",
    broken: "The delivery rate is measured by the times of ACKs alone, which a path may squeeze together",
    file: "protocol/congestion/delivery_rate.ts",
    text: "sample.intervalUs = Math.max(this.#sendElapsedUs, this.#deliveredUs - this.#priorDeliveredUs);",
    becomes: "sample.intervalUs = this.#deliveredUs - this.#priorDeliveredUs;",
    caughtBy: [DELIVERY_RATE],
  },
  {
    id: "rate-counts-idle-time",
    broken: "The time in which there was nothing to send counts as if the path had been slow",
    file: "protocol/congestion/delivery_rate.ts",
    text: "if (bytesInFlight <= packet.sizeBytes) {",
    becomes: "if (false) {",
    caughtBy: [DELIVERY_RATE],
  },
  {
    id: "app-limit-ignored",
    broken: "A rate measured while there was little to send counts as the path's",
    file: "protocol/congestion/delivery_rate.ts",
    text: "sample.appLimited = this.#sampleAppLimited;",
    becomes: "",
    caughtBy: [DELIVERY_RATE],
  },
  {
    id: "probe-rtt-never",
    broken: "BBR never empties the queue to measure the round trip anew",
    file: "protocol/congestion/bbr/bbr.ts",
    text: "if (this.#state !== BbrState.probeRtt && minRtt.probeExpired && !this.#isIdleRestart) {",
    becomes: "if (false) {",
    caughtBy: [BBR],
  },
  {
    id: "probe-overshoots",
    broken: "BBR goes on probing for more though a tenth of it and more is lost",
    file: "protocol/congestion/bbr/bbr.ts",
    text: "if (this.#state !== BbrState.probeUp || this.#ackPhase !== AckPhase.probeFeedback) return;",
    becomes: "if (this.#state !== BbrState.probeRefill) return;",
    caughtBy: [BBR, "tests/fuzz/congestion_test.ts", GOALS],
  },
  {
    id: "startup-without-end",
    broken: "BBR does not see that the pipe is full, and leaves Startup by losses alone",
    file: "protocol/congestion/bbr/full_pipe.ts",
    text: "this.#fullNow = ++this.#rounds >= roundsNeeded;",
    becomes: "this.#fullNow = ++this.#rounds > 1000;",
    caughtBy: ["tests/unit/protocol/congestion/bbr/full_pipe_test.ts"],
  },
  {
    id: "min-rtt-never-rises",
    broken: "The least round trip is that of all times, though the path has become longer",
    file: "protocol/congestion/bbr/min_rtt_filter.ts",
    text: "if (this.#probeMinUs < this.#minUs || nowUs > this.#minStampUs + MIN_RTT_WINDOW_US) {",
    becomes: "if (this.#probeMinUs < this.#minUs) {",
    caughtBy: ["tests/unit/protocol/congestion/bbr/min_rtt_filter_test.ts"],
  },
  {
    id: "another-ones-losses",
    broken: "A controller hears of losses among packets that another one had sent",
    file: "protocol/connection/loss_recovery.ts",
    text: "if (event.largestLostSentUs >= path.controllerSinceUs) path.controller.onPacketsLost(event);",
    becomes: "path.controller.onPacketsLost(event);",
    caughtBy: [RATE],
  },
];
