/**
 * The way to the peer: its address, whether that is proven, and all that is measured of it. When the peer moves,
 * what was measured of another network is forgotten.
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
import { RttEstimator } from "../recovery/rtt_estimator.ts";
import type { TransportParameters } from "../wire/parameters.ts";

/**
 * The most that leaves at once: what a receive buffer of 208 KiB holds in datagrams of 1,200 bytes is 110 KB, and
 * half of it may be taken.
 */
const MAX_BURST_BYTES = 64 * 1024;

/** What a path is made with. */
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

/** A path that was proven, and what was measured of it, while packets come from elsewhere. */
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

/** One path. */
export class Path {
  /** Whether the peer receives at the address. */
  readonly validation: PathValidation;
  readonly #config: ConnectionConfig;
  readonly #seed: number;
  #remote: NetAddress;
  /** Where the peer was when it moved to an address that it has not proven yet. */
  #proven: ProvenPath | undefined;
  #rtt = new RttEstimator();
  #controller: CongestionController;
  /** Packets sent before that are another controller's. */
  #controllerSinceUs = -Infinity;
  #policy: SendPolicy;
  #pacer = new Pacer(BASE_DATAGRAM_BYTES);
  #rate = new DeliveryRateEstimator();
  #mtu: MtuDiscovery;
  #jumbo: JumboPolicy;
  #peerMaxDatagramBytes = MAX_DATAGRAM_BYTES;
  #peerMaxAckDelayUs: number;
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

  /** The controller hears of no loss among packets sent before that: another one had sent them. */
  get controllerSinceUs(): number {
    return this.#controllerSinceUs;
  }

  /** The user has set the rate, and no measurement changes it. */
  get isRateFixed(): boolean {
    return this.#policy.kind === "fixed";
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

  /** Bytes of UDP payload that one datagram may have now. */
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

  /** The handshake measured a round trip: the first windows are paced by it. */
  seedRtt(rttUs: number): void {
    this.#rtt.seed(rttUs);
    this.#controller = this.#createController(rttUs);
    this.updatePacer();
  }

  /** The handshake's round trip is not known but for its least: the first window is paced by that, and no sample is taken. */
  seedPacing(leastRttUs: number): void {
    this.#controller = this.#createController(0, leastRttUs);
    this.updatePacer();
  }

  /**
   * Sends by another policy from now on, with a new controller. Packets in flight stay in flight and count towards the
   * new window; RTT and datagram size stay. Throws CallerError for a policy that is out of bounds.
   */
  setSendPolicy(nowUs: number, policy: SendPolicy): void {
    checkSendPolicy(policy);
    if (isSameSendPolicy(policy, this.#policy)) return;
    this.#policy = policy;
    this.#controller = this.#createController(this.#rtt.hasSample ? this.#rtt.smoothedUs : 0);
    this.#controllerSinceUs = nowUs;
    this.updatePacer();
  }

  /** Applies what the peer said of the datagrams and delays to expect. */
  setPeerLimits(parameters: TransportParameters): void {
    this.#peerMaxAckDelayUs = parameters.maxAckDelayUs;
    const peerMaxDatagramBytes = Math.min(parameters.maxDatagramBytes, MAX_DATAGRAM_BYTES);
    if (peerMaxDatagramBytes === this.#peerMaxDatagramBytes) return;
    this.#peerMaxDatagramBytes = peerMaxDatagramBytes;
    this.#mtu.limitCeiling(this.#ceilingBytes);
  }

  /**
   * Updates the pacer from the controller; call it whenever the controller's rate may have changed. The rate is at least
   * the smallest window in a round trip, which acknowledgements would allow anyway: a side that has sent only a few small
   * packets has measured a rate of bytes per second, and would wait minutes for the next one. A fixed rate is not raised.
   */
  updatePacer(): void {
    const leastRate = this.isRateFixed
      ? 0
      : MIN_WINDOW_DATAGRAMS * this.datagramBytes * 1_000_000 / this.#rtt.smoothedUs;
    this.#pacer.setRate(Math.max(this.#controller.pacingRate, leastRate), MAX_BURST_BYTES);
  }

  /** When an MTU probe is due; at high rates, of a jumbo frame. */
  nextMtuProbeUs(nowUs: number): number {
    if (this.#jumbo.shouldTry(nowUs, this.#rate.latestRate, this.#rtt.minUs)) {
      this.#mtu.raiseCeiling(Math.min(this.#config.maxJumboBytes, this.#peerMaxDatagramBytes));
    }
    return this.#mtu.nextProbeUs;
  }

  /** A packet other than an MTU probe was acknowledged. */
  onPacketAcked(nowUs: number, sizeBytes: number): void {
    this.#mtu.onDataAcked(sizeBytes);
    if (this.#jumbo.onPacket(nowUs, sizeBytes, false)) this.#reduceMtu();
  }

  /** A packet other than an MTU probe was declared lost. */
  onPacketLost(nowUs: number, sizeBytes: number): void {
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

  /** The most bytes that the next datagram may have: to an address not proven, no more than its allowance. */
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
   * The peer was heard from at another address: go there, but ask for proof (RFC 9000, section 9.3). What was measured of
   * the last address with a proof is kept until the new one has given it: an attacker that forwards the
   * peer's packets from another address, faster than the peer's path (section 9.3.3), does not cost the connection its window again and again.
   */
  migrate(nowUs: number, remote: NetAddress, receivedBytes: number): void {
    if (this.validation.isValidated) this.#proven = this.#measured();
    else if (this.#proven?.remote.equals(remote)) return this.#returnTo(nowUs, this.#proven);
    const isSameHost = remote.host === this.#remote.host;
    this.#remote = remote;
    // RFC 9000, section 9.4: another port alone is most likely the same network behind a rebinding NAT.
    if (!isSameHost) this.#forgetMeasurements(nowUs);
    this.validation.begin(nowUs, { receivedBytes, ptoUs: this.ptoUs });
  }

  // --- inside ---

  get #ceilingBytes(): number {
    return Math.min(this.#config.maxDatagramBytes, this.#peerMaxDatagramBytes);
  }

  #measured(): ProvenPath {
    return {
      remote: this.#remote,
      rtt: this.#rtt,
      controller: this.#controller,
      policy: this.#policy,
      pacer: this.#pacer,
      rate: this.#rate,
      mtu: this.#mtu,
      jumbo: this.#jumbo,
    };
  }

  /** RFC 9000, section 9.3: an address that was proven a moment ago need not be proven again. */
  #returnTo(nowUs: number, proven: ProvenPath): void {
    this.#remote = proven.remote;
    this.#rtt = proven.rtt;
    this.#pacer = proven.pacer;
    this.#rate = proven.rate;
    this.#mtu = proven.mtu;
    this.#jumbo = proven.jumbo;
    if (isSameSendPolicy(proven.policy, this.#policy)) this.#controller = proven.controller;
    this.#controllerSinceUs = nowUs;
    this.validation.end();
    this.onMtuChanged();
    this.updatePacer();
  }

  #createController(initialRttUs: number, leastRttUs = 0): CongestionController {
    return createController(this.#policy, {
      maxDatagramBytes: this.#mtu === undefined ? BASE_DATAGRAM_BYTES : this.datagramBytes,
      initialRttUs,
      leastRttUs,
      seed: this.#seed,
      maxWindowBytes: this.#config.maxCongestionWindowBytes,
    });
  }

  #forgetMeasurements(nowUs: number): void {
    this.#rtt = new RttEstimator();
    // A rate set by hand was not measured, and holds on from the first packet.
    if (this.isRateFixed) this.#pacer.datagramBytes = BASE_DATAGRAM_BYTES;
    else this.#pacer = new Pacer(BASE_DATAGRAM_BYTES);
    this.#rate = new DeliveryRateEstimator();
    this.#mtu = new MtuDiscovery({ ceilingBytes: this.#ceilingBytes });
    this.#jumbo = new JumboPolicy(this.#config.maxDatagramBytes);
    this.#controller = this.#createController(0);
    this.#controllerSinceUs = nowUs;
    this.updatePacer();
  }
}
