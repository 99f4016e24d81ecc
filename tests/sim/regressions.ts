/**
 * Seeds of swarms that once failed, each with what it had found. They are run by `swarm_test.ts`, so that what was
 * mended stays mended. A seed stands for its world only as long as `sim/swarm.ts` draws as it does; what a world
 * showed has a test of its own as well, where it could be cut out of it.
 *
 * @module
 */

/** One seed. */
export interface Regression {
  readonly seed: number;
  /** What was wrong. */
  readonly found: string;
}

/** The list; seeds are added, not taken away. */
export const REGRESSIONS: readonly Regression[] = [
  { seed: 22, found: "a probe timeout that had passed already was left for another turn of the loop (client)" },
  { seed: 1225, found: "the same at the server" },
  { seed: 1254, found: "the same at the server, half a second late" },
  { seed: 1361, found: "the same after the very first packets" },
  { seed: 1594, found: "the same, a third of a second late" },
  { seed: 1998, found: "the same with the link's return" },
  { seed: 1662, found: "a refused client reset its half, and its refusal, lost once, was dropped: it never heard why" },
  { seed: 1678, found: "the same on a link that loses in both directions" },
  {
    seed: 106260,
    found: "a server that had sent little was paced at 21 bytes a second, and its answer waited 12 minutes",
  },
  { seed: 114847, found: "a client that had moved unawares sent PINGs so small that no challenge could be sent back" },
  { seed: 204042, found: "a small file in one jumbo datagram never arrived after the path had become narrower" },
  { seed: 1422, found: "a client that moved before its handshake was done was told that the server had restarted" },
  { seed: 1027, found: "a client that was killed before it began connected all the same (the simulator's fault)" },
  { seed: 1114, found: "a client holds a stream for which the server has already allowed another (no fault)" },
  { seed: 3658, found: "small files fill the room that a large one's window made (no fault)" },
  // From here on with disks that fail, lose their power, and hold the store itself.
  { seed: 4, found: "a server's folder was not durable itself, and went with the file that was said to be stored" },
  { seed: 387, found: "the same where a server that was killed had made the folder" },
  { seed: 1551, found: "half a file stayed where closing it failed as well" },
  { seed: 1006142, found: "a client whose power had been cut was told to give up, and did (the simulator's fault)" },
  { seed: 1045128, found: "without hard links, an empty file stayed that could not be removed either (no fault)" },
  { seed: 1089474, found: "a line of 10 kbit/s that stood still for 97 % of the time answered no Hello (no fault)" },
  { seed: 6217, found: "a commit that failed at once was heard of by nobody (the simulator's fault)" },
  { seed: 2051670, found: "a disk that failed over the folder of a file that was not there ended the server" },
  {
    seed: 2032040,
    found: "a queue of less than one datagram of the largest kind was held to a time (the oracle's fault)",
  },
  { seed: 2072356, found: "the same with a queue of less than two" },
  {
    seed: 3037535,
    found: "a server whose disk did not let it start had to be reached all the same (the oracle's fault)",
  },
];
