/**
 * BBR's states (draft-ietf-ccwg-bbr-04, "the draft" in this folder). Names and values of constants in this folder are
 * those of the draft, section 2, unless their comment says otherwise.
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

/** What the acknowledgements that arrive now mean for bandwidth probing (the draft, section 5.3.3.6). */
export const AckPhase = { none: 0, refilling: 1, probeStarting: 2, probeFeedback: 3, probeStopping: 4 } as const;

/** One of {@link AckPhase}'s values. */
export type AckPhase = (typeof AckPhase)[keyof typeof AckPhase];
