/**
 * Divides a server's rate limit among its connections, in each direction: every connection gets the same share, but what one
 * does not use goes to the others. The connections of one user have that user's limit together, too.
 *
 * Participants: connections, which count what they send and receive and apply their shares; a timer. Non-goal: congestion
 * control, which may allow less.
 *
 * @module
 */

import type { Connection } from "../../protocol/mod.ts";
import type { Platform, Timer } from "../platform.ts";

/** How often the shares are divided anew while connections use them differently, microseconds. */
const INTERVAL_US = 1_000_000;

/** A connection that uses more than this part of its share could use more of it. */
const IN_FULL_USE = 0.8;

/** A connection that uses less is left room to grow by this factor until the next look... */
const ROOM = 1.5;

/** ...and never less than this part of an equal share. */
const LEAST_SHARE = 1 / 16;

/** A share that changes by less than this part stays as it is: the peer need not be told. */
const TOLERANCE = 0.05;

/** Whose connections have a limit together. */
export interface RateGroup {
  /** What tells users apart. */
  readonly id: string;
  /** Bytes of UDP payload per second; Infinity for no limit. */
  readonly bytesPerSecond: number;
}

/** One direction of a connection. */
interface Use {
  share: number;
  /** When the share was divided last, the bytes so far. */
  bytes: number;
}

interface Member {
  readonly connection: Connection;
  readonly wake: () => void;
  readonly group: RateGroup;
  readonly sending: Use;
  readonly receiving: Use;
}

/** Divides `total` among flows that could use as much as `demands` says; what is left is divided equally on top. */
export function divideRate(total: number, demands: readonly number[]): number[] {
  if (total === Infinity) return demands.map(() => Infinity);
  const shares = demands.map(() => 0);
  let left = total;
  let waiting = demands.length;
  const smallestFirst = demands.map((_, index) => index).sort((a, b) => demands[a]! - demands[b]!);
  for (const index of smallestFirst) {
    shares[index] = Math.min(demands[index]!, left / waiting);
    left -= shares[index]!;
    waiting--;
  }
  return shares.map((share) => share + left / demands.length);
}

/** See the module's description. */
export class RateShares {
  readonly #platform: Pick<Platform, "nowUs" | "timer">;
  readonly #timer: Timer;
  readonly #members = new Map<Connection, Member>();
  #total = Infinity;
  #dividedUs = 0;
  /** Whether connections have shares that are limits. */
  #isApplied = false;

  constructor(platform: Pick<Platform, "nowUs" | "timer">) {
    this.#platform = platform;
    this.#timer = platform.timer(() => this.#divide());
  }

  /** Sets the limit of each direction, bytes of UDP payload per second; Infinity for none. */
  setTotal(bytesPerSecond: number): void {
    this.#total = bytesPerSecond;
    this.#divide();
  }

  /** A client has connected; `wake` is called when its connection has something to send because of a new share. */
  add(connection: Connection, wake: () => void, group: RateGroup): void {
    const use = () => ({ share: Infinity, bytes: 0 });
    this.#members.set(connection, { connection, wake, group, sending: use(), receiving: use() });
    this.#divide();
  }

  /** A client has gone. */
  remove(connection: Connection): void {
    if (this.#members.delete(connection)) this.#divide();
  }

  /** Divides no more. */
  stop(): void {
    this.#timer.clear();
  }

  #divide(): void {
    this.#timer.clear();
    const members = [...this.#members.values()];
    const isLimited = this.#total < Infinity || members.some(({ group }) => group.bytesPerSecond < Infinity);
    if (!isLimited && !this.#isApplied) return;
    this.#isApplied = isLimited;
    const nowUs = this.#platform.nowUs();
    const seconds = (nowUs - this.#dividedUs) / 1_000_000;
    // Too short a time tells nothing of what is used.
    const isMeasured = nowUs - this.#dividedUs >= INTERVAL_US / 2;
    if (isMeasured) this.#dividedUs = nowUs;
    const changed = new Set<Member>();
    for (const direction of ["sending", "receiving"] as const) {
      const demands = members.map((member) => this.#demandOf(member, direction, isMeasured ? seconds : undefined));
      const shares = this.#sharesOf(members, demands);
      members.forEach((member, index) => {
        if (isAbout(member[direction].share, shares[index]!)) return;
        member[direction].share = shares[index]!;
        changed.add(member);
      });
    }
    for (const member of changed) this.#apply(nowUs, member);
    if (isLimited && members.length > 1) this.#timer.set(INTERVAL_US);
  }

  /** What a connection could use, bytes per second: any rate, unless it was seen not to use its share. */
  #demandOf(
    { connection, ...member }: Member,
    direction: "sending" | "receiving",
    seconds: number | undefined,
  ): number {
    if (seconds === undefined) return Infinity;
    const use = member[direction];
    const { bytesSent, bytesReceived } = connection.stats;
    const bytes = direction === "sending" ? bytesSent : bytesReceived;
    const used = (bytes - use.bytes) / seconds;
    use.bytes = bytes;
    if (use.share === Infinity || used > IN_FULL_USE * use.share) return Infinity;
    return Math.max(ROOM * used, LEAST_SHARE * use.share);
  }

  #sharesOf(members: readonly Member[], demands: readonly number[]): number[] {
    const groups = new Map<string, number[]>();
    members.forEach(({ group }, index) => groups.set(group.id, [...groups.get(group.id) ?? [], index]));
    const limits = demands.map(() => Infinity);
    for (const indexes of groups.values()) {
      const { bytesPerSecond } = members[indexes[0]!]!.group;
      const shares = divideRate(bytesPerSecond, indexes.map((index) => demands[index]!));
      indexes.forEach((index, at) => limits[index] = shares[at]!);
    }
    const shares = divideRate(this.#total, demands.map((demand, index) => Math.min(demand, limits[index]!)));
    return shares.map((share, index) => Math.min(share, limits[index]!));
  }

  #apply(nowUs: number, { connection, wake, sending, receiving }: Member): void {
    connection.limitSending(nowUs, { bytesPerSecond: sending.share, isBackground: false });
    connection.limitReceiving(nowUs, { bytesPerSecond: receiving.share, isBackground: false });
    wake();
  }
}

function isAbout(one: number, other: number): boolean {
  return one === other || Math.abs(one - other) < TOLERANCE * Math.min(one, other);
}
