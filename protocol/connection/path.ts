/**
 * The network path to the peer: the peer's address, its validation, and everything measured on the path. When the peer
 * migrates to another network, the measurements are reset.
 *
 * @module
 */

import type { NetAddress } from "../../base/net_address.ts";
import {
  BASE_DATAGRAM_BYTES,
  checkSendPolicy,
  type ConnectionConfig,
  isSameSendPolicy,
  MAX_DATAGRAM_BYTES,
  type SendPolicy,
} from "../config.ts";
import { type CongestionController, MIN_WINDOW_DATAGRAMS } from "../congestion/controller.ts";
import { DeliveryRateEstimator } from "../congestion/delivery_rate.ts";
import { createController } from "../congestion/factory.ts";
import { MAX_KEPT_PTO_US } from "../limits.ts";
import { PathValidation } from "./path_validation.ts";
import { JumboPolicy } from "../recovery/jumbo_policy.ts";
import { MtuDiscovery } from "../recovery/mtu_discovery.ts";
import { Pacer } from "../recovery/pacer.ts";
import { NO_RATE_LIMIT, type RateLimit } from "./rate_limits.ts";
import { RttEstimator } from "../recovery/rtt_estimator.ts";
import { DEFAULT_RECEIVE_BURST_BYTES, type TransportParameters } from "../wire/parameters.ts";

/** A burst longer than {@link DEFAULT_RECEIVE_BURST_BYTES} is what is sent in no more than this: links have short queues. */
const LONG_BURST_US = 500;

/** After a loss no burst is longer than {@link DEFAULT_RECEIVE_BURST_BYTES} for this long: a queue may not have held one. */
const SHORT_BURSTS_US = 1_000_000;

/** What a transfer in the background sends by. */
const BACKGROUND: SendPolicy = { kind: "background" };

/** Options of a {@link Path}. */
export interface PathOptions {
  readonly config: ConnectionConfig;
  readonly remote: NetAddress;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly seed: number;
}

/** Counters and measurements for a connection's stats. Bytes of UDP payload, microseconds. */
export interface PathStats {
  readonly datagramsSent: number;
  readonly datagramsReceived: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly smoothedRttUs: number;
  readonly minRttUs: number;
  readonly congestionWindowBytes: number;
  readonly datagramBytes: number;
}

/** The last validated path and its measurements, kept while packets come from another address. */
interface ProvenPath {
  readonly remote: NetAddress;
  readonly rtt: RttEstimator;
  readonly controller: CongestionController;
  readonly policy: SendPolicy;
  readonly pacer: Pacer;
  readonly rate: DeliveryRateEstimator;
  readonly mtu: MtuDiscovery;
  readonly jumbo: JumboPolicy;
}

/** The path of one connection. */
export class Path {
  /** Validates the peer's address. */
  readonly validation: PathValidation;
  readonly #config: ConnectionConfig;
  readonly #seed: number;
  #remote: NetAddress;
  /** The last validated path, while the peer's current address is not validated. */
  #proven: ProvenPath | undefined;
  #rtt = new RttEstimator();
  #controller: CongestionController;
  /** What the handshake measured, see {@link seedRtt} and {@link seedPacing}. */
  #initialRttUs = 0;
  #leastRttUs = 0;
  /** Packets sent before this time belong to an earlier controller. */
  #controllerSinceUs = -Infinity;
  #policy: SendPolicy;
  #limit = NO_RATE_LIMIT;
  #pacer: Pacer;
  #rate = new DeliveryRateEstimator();
  #mtu: MtuDiscovery;
  #jumbo: JumboPolicy;
  #peerMaxDatagramBytes = MAX_DATAGRAM_BYTES;
  #peerMaxAckDelayUs: number;
  #peerBurstBytes = DEFAULT_RECEIVE_BURST_BYTES;
  /** When the latest loss is forgotten, after which bursts may be long again; -Infinity if it is. */
  #shortBurstsUntilUs = -Infinity;
  #datagramsSent = 0;
  #datagramsReceived = 0;
  #bytesSent = 0;
  #bytesReceived = 0;

  constructor(options: PathOptions) {
    this.#config = options.config;
    this.#remote = options.remote;
    this.validation = new PathValidation(options.randomBytes);
    this.#seed = options.seed;
    this.#peerMaxAckDelayUs = options.config.maxAckDelayUs;
    this.#pacer = new Pacer({ timerTickUs: options.config.timerTickUs });
    this.#mtu = new MtuDiscovery({ ceilingBytes: options.config.maxDatagramBytes });
    this.#jumbo = new JumboPolicy(options.config.maxDatagramBytes);
    this.#policy = options.config.sendPolicy;
    this.#controller = this.#createController(0);
    this.updatePacer();
  }

  get remote(): NetAddress {
    return this.#remote;
  }

  get rtt(): RttEstimator {
    return this.#rtt;
  }

  get controller(): CongestionController {
    return this.#controller;
  }

  /** The controller is not told of losses of packets sent before this time: an earlier controller sent them. */
  get controllerSinceUs(): number {
    return this.#controllerSinceUs;
  }

  /** Whether the user has set a fixed rate, which no measurement changes. */
  get isRateFixed(): boolean {
    return this.#policy.kind === "fixed";
  }

  /** Whether a limit, and neither the path nor a fixed rate, sets the rate. */
  get isRateLimited(): boolean {
    return this.#controller.pacingRate > this.#limit.bytesPerSecond;
  }

  get pacer(): Pacer {
    return this.#pacer;
  }

  get rate(): DeliveryRateEstimator {
    return this.#rate;
  }

  get mtu(): MtuDiscovery {
    return this.#mtu;
  }

  /** The current maximum UDP payload of a datagram, bytes. */
  get datagramBytes(): number {
    return this.#mtu.currentBytes;
  }

  get peerMaxAckDelayUs(): number {
    return this.#peerMaxAckDelayUs;
  }

  /** The probe timeout without backoff, microseconds (RFC 9002, section 6.2.1), at most {@link MAX_KEPT_PTO_US}. */
  get ptoUs(): number {
    return Math.min(this.#rtt.ptoUs(this.#peerMaxAckDelayUs), MAX_KEPT_PTO_US);
  }

  get stats(): PathStats {
    return {
      datagramsSent: this.#datagramsSent,
      datagramsReceived: this.#datagramsReceived,
      bytesSent: this.#bytesSent,
      bytesReceived: this.#bytesReceived,
      smoothedRttUs: this.#rtt.smoothedUs,
      minRttUs: this.#rtt.minUs,
      congestionWindowBytes: this.#controller.windowBytes,
      datagramBytes: this.datagramBytes,
    };
  }

  /** Takes the RTT that the handshake measured; the first windows are paced by it. */
  seedRtt(rttUs: number): void {
    this.#rtt.seed(rttUs);
    this.#initialRttUs = rttUs;
    this.#restartController();
  }

  /** Takes a lower bound of the RTT, if the handshake measured no more: it paces the first window, and is no RTT sample. */
  seedPacing(leastRttUs: number): void {
    this.#leastRttUs = leastRttUs;
    this.#restartController();
  }

  /**
   * Changes the send policy, with a new controller. Packets in flight stay in flight and count towards the new window;
   * RTT and datagram size are kept. Throws CallerError if the policy is out of bounds.
   */
  setSendPolicy(nowUs: number, policy: SendPolicy): void {
    checkSendPolicy(policy);
    this.#change(nowUs, policy, this.#limit);
  }

  /** Limits the rate, whatever the controller allows; in the background, the controller yields, but not a fixed rate. */
  setRateLimit(nowUs: number, limit: RateLimit): void {
    this.#change(nowUs, this.#policy, limit);
  }

  /** Changes policy and limit, and the controller if that is another one. */
  #change(nowUs: number, policy: SendPolicy, limit: RateLimit): void {
    const before = this.#effectivePolicy;
    this.#policy = policy;
    this.#limit = limit;
    if (!isSameSendPolicy(this.#effectivePolicy, before)) {
      this.#controller = this.#createController(this.#rtt.hasSample ? this.#rtt.smoothedUs : 0);
      this.#controllerSinceUs = nowUs;
    }
    this.updatePacer();
  }

  get #effectivePolicy(): SendPolicy {
    return this.#limit.isBackground && !this.isRateFixed ? BACKGROUND : this.#policy;
  }

  /**
   * Applies the peer's transport parameters: its largest datagram, its ACK delay and what it receives at once. To be called
   * before anything is sent that congestion control concerns.
   */
  setPeerLimits(parameters: TransportParameters): void {
    this.#peerMaxAckDelayUs = parameters.maxAckDelayUs;
    this.#peerBurstBytes = parameters.receiveBurstBytes;
    if (this.#config.isQueueless) this.#restartController();
    const peerMaxDatagramBytes = Math.min(parameters.maxDatagramBytes, MAX_DATAGRAM_BYTES);
    if (peerMaxDatagramBytes === this.#peerMaxDatagramBytes) return;
    this.#peerMaxDatagramBytes = peerMaxDatagramBytes;
    this.#mtu.limitCeiling(this.#ceilingBytes);
  }

  /**
   * Updates the pacer from the controller; call it whenever the controller's rate may have changed. The pacing rate is at
   * least the minimum window per RTT, which the window would allow anyway: a side that has sent only a few small packets
   * has measured a rate of a few bytes per second, and would wait minutes before the next packet. A fixed rate is not raised,
   * and a limit is not exceeded.
   */
  updatePacer(): void {
    const leastRate = this.isRateFixed
      ? 0
      : MIN_WINDOW_DATAGRAMS * this.datagramBytes * 1_000_000 / this.#rtt.smoothedUs;
    const rate = Math.min(Math.max(this.#controller.pacingRate, leastRate), this.#limit.bytesPerSecond);
    this.#pacer.setRate(rate, this.#maxBurstBytes(rate));
  }

  /** When the next MTU probe is due; at high rates this includes probes for jumbo frames. */
  nextMtuProbeUs(nowUs: number): number {
    if (this.#jumbo.shouldTry(nowUs, this.#rate.latestRate, this.#rtt.minUs)) {
      this.#mtu.raiseCeiling(Math.min(this.#config.maxJumboBytes, this.#peerMaxDatagramBytes));
    }
    return this.#mtu.nextProbeUs;
  }

  /** A packet other than an MTU probe was acknowledged. */
  onPacketAcked(nowUs: number, sizeBytes: number): void {
    this.#mtu.onDataAcked(sizeBytes);
    if (nowUs >= this.#shortBurstsUntilUs) this.#shortBurstsUntilUs = -Infinity;
    if (this.#jumbo.onPacket(nowUs, sizeBytes, false)) this.#reduceMtu();
  }

  /** A packet other than an MTU probe was declared lost. */
  onPacketLost(nowUs: number, sizeBytes: number): void {
    this.#shortBurstsUntilUs = nowUs + SHORT_BURSTS_US;
    const isGivenUp = this.#jumbo.onPacket(nowUs, sizeBytes, true);
    const isBlackHole = this.#mtu.onDataLost(sizeBytes, nowUs);
    if (isBlackHole) this.#jumbo.onBlackHole(nowUs);
    if (isGivenUp || isBlackHole) this.#reduceMtu();
  }

  #reduceMtu(): void {
    if (!this.#jumbo.isInUse) this.#mtu.limitCeiling(this.#ceilingBytes);
    this.onMtuChanged();
  }

  /** The MTU that discovery found has changed. */
  onMtuChanged(): void {
    this.#controller.onMtuChanged(this.datagramBytes);
    this.#pacer.datagramBytes = this.datagramBytes;
  }

  // --- the address ---

  /** The maximum size of the next datagram, bytes: to an unvalidated address at most what the anti-amplification limit leaves. */
  get sendableBytes(): number {
    return Math.min(this.datagramBytes, this.validation.allowanceBytes);
  }

  onDatagramSent(bytes: number): void {
    this.#datagramsSent++;
    this.#bytesSent += bytes;
    this.validation.onDatagramSent(bytes);
  }

  onDatagramReceived(remote: NetAddress, bytes: number): void {
    this.#datagramsReceived++;
    this.#bytesReceived += bytes;
    if (remote.equals(this.#remote)) this.validation.onDatagramReceived(bytes);
  }

  /**
   * The peer's packets come from another address: sends there from now on, and validates it (RFC 9000, section 9.3). The
   * measurements of the last validated address are kept until the new one is validated: an attacker that forwards the
   * peer's packets from another address, faster than the peer's own path (section 9.3.3), cannot reset the congestion
   * window again and again.
   */
  migrate(nowUs: number, remote: NetAddress, receivedBytes: number): void {
    if (this.validation.isValidated) this.#proven = this.#measured();
    else if (this.#proven?.remote.equals(remote)) return this.#returnTo(nowUs, this.#proven);
    const isSameHost = remote.host === this.#remote.host;
    this.#remote = remote;
    // RFC 9000, section 9.4: a change of only the port is most likely a NAT rebinding, on the same path.
    if (!isSameHost) this.#forgetMeasurements(nowUs);
    this.validation.begin(nowUs, { receivedBytes, ptoUs: this.ptoUs });
  }

  // --- internals ---

  /** The bound on bursts at a pacing rate: more than the default only if the peer, the rate and the path allow it. */
  #maxBurstBytes(bytesPerSecond: number): number {
    if (this.#shortBurstsUntilUs !== -Infinity) return DEFAULT_RECEIVE_BURST_BYTES;
    const longBytes = Math.min(this.#peerBurstBytes, bytesPerSecond * LONG_BURST_US / 1_000_000);
    return Math.max(DEFAULT_RECEIVE_BURST_BYTES, longBytes);
  }

  get #ceilingBytes(): number {
    return Math.min(this.#config.maxDatagramBytes, this.#peerMaxDatagramBytes);
  }

  #measured(): ProvenPath {
    return {
      remote: this.#remote,
      rtt: this.#rtt,
      controller: this.#controller,
      policy: this.#effectivePolicy,
      pacer: this.#pacer,
      rate: this.#rate,
      mtu: this.#mtu,
      jumbo: this.#jumbo,
    };
  }

  /** RFC 9000, section 9.3: an address that was validated recently need not be validated again. */
  #returnTo(nowUs: number, proven: ProvenPath): void {
    this.#remote = proven.remote;
    this.#rtt = proven.rtt;
    this.#pacer = proven.pacer;
    this.#rate = proven.rate;
    this.#mtu = proven.mtu;
    this.#jumbo = proven.jumbo;
    if (isSameSendPolicy(proven.policy, this.#effectivePolicy)) this.#controller = proven.controller;
    this.#controllerSinceUs = nowUs;
    this.validation.end();
    this.onMtuChanged();
    this.updatePacer();
  }

  /** The bound of the congestion window, bytes. */
  get #maxWindowBytes(): number {
    const { isQueueless, maxCongestionWindowBytes } = this.#config;
    return isQueueless ? Math.max(maxCongestionWindowBytes, this.#peerBurstBytes) : maxCongestionWindowBytes;
  }

  /** Begins congestion control anew by what the handshake measured, before anything was sent. */
  #restartController(): void {
    this.#controller = this.#createController(this.#initialRttUs, this.#leastRttUs);
    this.updatePacer();
  }

  #createController(initialRttUs: number, leastRttUs = 0): CongestionController {
    return createController(this.#effectivePolicy, {
      maxDatagramBytes: this.#mtu === undefined ? BASE_DATAGRAM_BYTES : this.datagramBytes,
      initialRttUs,
      leastRttUs,
      seed: this.#seed,
      maxWindowBytes: this.#maxWindowBytes,
    });
  }

  #forgetMeasurements(nowUs: number): void {
    this.#rtt = new RttEstimator();
    // A fixed rate is no measurement: it applies from the first packet.
    if (this.isRateFixed) this.#pacer.datagramBytes = BASE_DATAGRAM_BYTES;
    else this.#pacer = new Pacer({ timerTickUs: this.#config.timerTickUs });
    this.#rate = new DeliveryRateEstimator();
    this.#mtu = new MtuDiscovery({ ceilingBytes: this.#ceilingBytes });
    this.#jumbo = new JumboPolicy(this.#config.maxDatagramBytes);
    this.#controller = this.#createController(0);
    this.#controllerSinceUs = nowUs;
    this.updatePacer();
  }
}
