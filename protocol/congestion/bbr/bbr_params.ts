/**
 * BBR's states and constants. Names and values are those of draft-ietf-ccwg-bbr-04 ("the draft" below), section 2,
 * unless the comment says otherwise.
 *
 * @module
 */

/** The states of the state machine (the draft, section 5.1). */
export const BbrState = {
  startup: 0,
  drain: 1,
  probeDown: 2,
  probeCruise: 3,
  probeRefill: 4,
  probeUp: 5,
  probeRtt: 6,
} as const;

/** One of {@link BbrState}'s values. */
export type BbrState = (typeof BbrState)[keyof typeof BbrState];

/** What the acknowledgements arriving now say about bandwidth probing (the draft, section 5.3.3.6). */
export const AckPhase = { none: 0, refilling: 1, probeStarting: 2, probeFeedback: 3, probeStopping: 4 } as const;

/** One of {@link AckPhase}'s values. */
export type AckPhase = (typeof AckPhase)[keyof typeof AckPhase];

/**
 * Pacing gain by state (section 5.6.1; Drain: 2.4, DrainPacingGain). Startup has 4 instead of 2.77, so that the next
 * window goes out as a train of a quarter to half a round trip, which measures the path (`train_rate.ts`).
 */
export const PACING_GAIN: readonly number[] = [4, 0.35, 0.9, 1, 1, 1.25, 1];
/** Window gain by state (section 5.6.1). */
export const WINDOW_GAIN: readonly number[] = [2, 2, 2, 2, 2, 2.25, 0.5];
/**
 * Ours: the pacing gain of ProbeBW_DOWN while there is loss to explain. A quarter slower shows whether the loss comes
 * from sending too fast, see {@link LossModel}.
 */
export const LOSS_PROBE_PACING_GAIN = 0.75;
/**
 * In Startup, once a train of datagrams arrived more slowly than it was sent: the most that {@link FULL_PIPE_GROWTH}
 * takes for growth, so that the queue does not fill in the rounds that it takes to be sure of the plateau.
 */
export const STARTUP_DISPERSED_GAIN = 1.25;
/**
 * The window before anything is known of the path, in datagrams, paced over a quarter of a round trip. RFC 9002, section
 * 7.2, has ten sent at once; with pacing, 32 load a queue no more, and save a round trip on a long path.
 */
export const INITIAL_WINDOW_DATAGRAMS = 32;
/**
 * The round trip by which that window is paced where nothing is known of it: that of RFC 9002, section 6.2.2 (kInitialRtt).
 * The draft has 1 ms (section 5.6.2), a burst, which loads a queue and measures nothing.
 */
export const UNMEASURED_RTT_US = 333_000;
/** In Startup, what an acknowledged byte lets the window grow by; the draft has 1. */
export const STARTUP_GROWTH = 5;

/** PacingMarginPercent = 1: pace that much below the estimate, so that queues drain. */
export const PACING_MARGIN = 0.99;
/** MinPipeCwnd, in datagrams. */
export const MIN_PIPE_DATAGRAMS = 4;
/** LossThresh: loss beyond this, on top of what the path loses anyway, ends probing. */
export const LOSS_THRESHOLD = 0.02;
/** Beta: the most that a round with congestion takes off. */
export const BETA = 0.7;
/** Headroom: share of the long-term inflight bound left to others. */
export const HEADROOM = 0.15;
/** Section 5.3.1.2: growth by less than this, so many rounds in a row, is a full pipe. */
export const FULL_PIPE_GROWTH = 1.25;
/** Rounds without {@link FULL_PIPE_GROWTH} that make a full pipe. */
export const FULL_PIPE_ROUNDS = 3;
/** BBRStartupFullLossCnt, here in datagrams. */
export const STARTUP_LOSS_DATAGRAMS = 6;
/** Section 5.3.1.3: loss for at least one full round. Two, as rounds here begin anywhere in the loss. */
export const STARTUP_LOSS_ROUNDS = 2;

/** MinRTTFilterLen. */
export const MIN_RTT_WINDOW_US = 10_000_000;
/** ProbeRTTInterval. */
export const PROBE_RTT_INTERVAL_US = 5_000_000;
/** ProbeRTTDuration. */
export const PROBE_RTT_DURATION_US = 200_000;
/** Section 5.3.3.5: wall-clock time between probes is at least this, and up to a second more. */
export const PROBE_WAIT_US = 2_000_000;
/** The random part of the wait between probes. */
export const PROBE_WAIT_RANDOM_US = 1_000_000;
/** Section 5.3.3.5: and at most so many rounds. */
export const PROBE_WAIT_ROUNDS = 63;
/** Ours: rounds of ProbeBW_DOWN, at 0.9 of the rate, that drain what a probe of a quarter more leaves in three. */
export const PROBE_QUEUE_ROUNDS = 8;
/** Ours: rounds of ProbeBW_CRUISE with a queue after which the bandwidth is taken for what arrives, and again. */
export const CRUISE_QUEUE_ROUNDS = 4;
/** Ours: a path that loses less than this share is taken for one that loses nothing. */
export const MIN_BASE_LOSS = 0.001;
/** BBRExtraAckedFilterLen, in rounds. */
export const EXTRA_ACKED_ROUNDS = 10;

/**
 * Ours: offload budget (section 5.5.8) of two quanta of a millisecond, each at most this. The draft's three of 64 KiB
 * would by themselves overrun a socket buffer of 208 KiB.
 */
export const MAX_QUANTUM_BYTES = 32 * 1024;
