/**
 * Seeds of swarms that once failed, each with the fault that it found. `swarm_test.ts` runs them, so that fixed faults stay
 * fixed. A seed stands for its world only as long as `sim/swarm_plan.ts` and `netem/link.ts` draw as they do; where the
 * fault could be isolated, it has a test of its own as well.
 *
 * @module
 */

/** One seed. */
export interface Regression {
  readonly seed: number;
  /** The fault. */
  readonly found: string;
}

/** The list; seeds are added, never removed. */
export const REGRESSIONS: readonly Regression[] = [
  { seed: 22, found: "a probe timeout that was already due was left for a later tick of the event loop (client)" },
  { seed: 1225, found: "the same at the server" },
  { seed: 1254, found: "the same at the server, half a second late" },
  { seed: 1361, found: "the same after the very first packets" },
  { seed: 1594, found: "the same, a third of a second late" },
  { seed: 1998, found: "the same at the end of an outage" },
  {
    seed: 1662,
    found: "a refused client reset its stream, and the refusal, lost once, was not retransmitted: it never learned why",
  },
  { seed: 1678, found: "the same on a link that loses in both directions" },
  {
    seed: 106260,
    found: "a server that had sent little was paced at 21 bytes per second, and its response waited 12 minutes",
  },
  {
    seed: 114847,
    found: "a client behind a rebound NAT sent PINGs so small that no PATH_CHALLENGE could be sent back",
  },
  { seed: 204042, found: "a small file in one jumbo datagram never arrived after the path's MTU had fallen" },
  { seed: 1422, found: "a client whose address changed during the handshake was told that the server had restarted" },
  { seed: 1027, found: "a client that was killed before its start connected all the same (a fault of the simulator)" },
  { seed: 1114, found: "a client holds a stream for which the server has already granted another (not a fault)" },
  { seed: 3658, found: "small files use the credit that a large one's window made (not a fault)" },
  // From here on the disk fails and loses power, and the programs' store runs on it.
  { seed: 4, found: "a server's folder was not durable itself, and was lost with a file that was reported as stored" },
  { seed: 387, found: "the same if a server that was killed had made the folder" },
  { seed: 1551, found: "a partial file stayed if closing it failed as well" },
  { seed: 1006142, found: "a client whose power had been cut was told to abort, and did (a fault of the simulator)" },
  { seed: 1045128, found: "without hard links, an empty file stayed that could not be removed either (not a fault)" },
  {
    seed: 1089474,
    found: "a bottleneck of 10 kbit/s that paused for 97 % of the time let no Hello through (not a fault)",
  },
  { seed: 6217, found: "the failure of a commit that failed at once was not reported (a fault of the simulator)" },
  { seed: 2051670, found: "a disk error at the folder of a file that does not exist ended the server" },
  {
    seed: 2032040,
    found: "a transfer over a queue of less than one large datagram had a time bound (a fault of the oracle)",
  },
  { seed: 2072356, found: "the same with a queue of less than two" },
  {
    seed: 3037535,
    found: "a server that could not start because of its disk had to be reachable (a fault of the oracle)",
  },
  {
    seed: 7002988,
    found:
      "a range was retransmitted of a file that the client had completely and the server had closed: the stream never ended",
  },
  {
    seed: 500463,
    found:
      "a client whose answer was lost took another client's file of the same, empty, content for its own (not a fault)",
  },
  { seed: 600606, found: "of a file of zeros an empty partial file was kept for the next try" },
  {
    seed: 700616,
    found: "a client took a file for stored that a killed server had placed and not made durable, and the power failed",
  },
  {
    seed: 8313623,
    found:
      "a client that was killed again and again met the bound of lists with those of its former self (not a fault)",
  },
  {
    seed: 9202374,
    found: "a partial file that could not be locked stayed, empty, for a next try that did not come (not a fault)",
  },
];
