/**
 * One connection between two endpoints: connects the components to each other and contains no algorithm.
 *
 * ```
 *   handlePacket --> protection --> frames --> streams, acknowledgements, loss recovery, path
 *   pollTransmit <-- packet builder <-- streams, acknowledgements, loss recovery, path
 *   pollTimeout / handleTimeout --> timer table
 *   pollEvent --> the application
 * ```
 *
 * Time is an argument, and nothing here waits: `io/` drives a connection by a real clock, `sim/` by a simulated one.
 *
 * @module
 */

import type { NetAddress } from "../../base/net_address.ts";
import { AckTracker } from "../recovery/ack_tracker.ts";
import { CloseState } from "./close_state.ts";
import type { ConnectionConfig, SendPolicy } from "../config.ts";
import type { Arrival, ConnectionEvent, ConnectionOptions, ConnectionStats, SendLimit } from "./types.ts";
import { joinStats } from "./types.ts";
import { ConnectionState, isOpen, transition } from "../connection_state.ts";
import type { DropReason } from "../drops.ts";
import { EventQueue } from "./event_queue.ts";
import { CallerError, type CloseReason, PeerError, TransportErrorCode } from "../errors.ts";
import { FrameReceiver } from "./frame_dispatch.ts";
import { ClientHandshake, FIRST_PING_DELAY_US, localParameters } from "../handshake/client_handshake.ts";
import type { ConnectionObserver } from "./observer.ts";
import { LossRecovery, SendMode } from "./loss_recovery.ts";
import { PacketBuilder } from "./packet_builder.ts";
import { Path } from "./path.ts";
import { type RateLimit, RateLimits } from "./rate_limits.ts";
import type { Agreement } from "../handshake/noise_handshake.ts";
import type { Stream } from "../streams/stream.ts";
import { StreamTable } from "../streams/stream_table.ts";
import { Timer, TimerTable } from "./timer_table.ts";
import { type PacketHeader, PacketType } from "../wire/packet.ts";
import { isSameParameters, type TransportParameters } from "../wire/parameters.ts";

/**
 * Within the idle timeout a client that hears nothing sends a PING or a probe so many times: one response is enough, and
 * the loss of all but the last of them does not end a connection.
 */
const PROBES_PER_IDLE_TIMEOUT = 6;

/** The longest that a connection listens when its idle timeout is over: a peer cannot make that as long as a PTO may be. */
const MAX_LAST_LISTEN_US = 1_000_000;

/** However short the idle timeout that the peer chose. */
const MIN_PROBE_INTERVAL_US = 100_000;

/** A connection. Times are microseconds of any monotonic clock, the same clock in every call. */
export class Connection {
  readonly localId: number;
  readonly isClient: boolean;
  readonly #config: ConnectionConfig;
  /** The handshake's result: the keys and the peer's identity. A client has none before the ServerHello. */
  #agreement: Agreement | undefined;
  readonly #path: Path;
  readonly #streams: StreamTable;
  readonly #recovery: LossRecovery;
  readonly #acks: AckTracker;
  readonly #limits = new RateLimits();
  readonly #timers = new TimerTable();
  readonly #builder: PacketBuilder;
  readonly #frames: FrameReceiver;
  readonly #handshake: ClientHandshake | undefined;
  readonly #events = new EventQueue<ConnectionEvent>();
  readonly #observer: ConnectionObserver | undefined;
  #state: ConnectionState;
  #closeReason: CloseReason | undefined;
  #closing: CloseState | undefined;
  #isPingDue = false;
  #peerParameters: TransportParameters | undefined;
  #duplicatesReceived = 0;
  #idleTimeoutUs: number;
  /** The idle timeout is over, and this side listens once more. */
  #isIdleSuspected = false;

  constructor(options: ConnectionOptions) {
    const { config, nowUs, isClient } = options;
    this.localId = options.localId;
    this.isClient = isClient;
    this.#config = config;
    this.#observer = options.observer;
    this.#idleTimeoutUs = config.idleTimeoutUs;
    this.#path = new Path(options);
    this.#streams = new StreamTable({ isClient, config, emit: (event) => this.#emit(event) });
    this.#acks = new AckTracker({ maxAckDelayUs: config.maxAckDelayUs });
    const limits = this.#limits;
    this.#recovery = new LossRecovery({ path: this.#path, streams: this.#streams, acks: this.#acks, limits });
    const parts = { streams: this.#streams, acks: this.#acks, path: this.#path, recovery: this.#recovery, limits };
    this.#builder = new PacketBuilder(parts);
    this.#frames = new FrameReceiver({
      ...parts,
      isClient,
      onRateLimit: (nowUs, bytesPerSecond, isBackground) => {
        limits.onPeerLimit(bytesPerSecond, isBackground);
        this.#path.setRateLimit(nowUs, limits.sending);
      },
      onClose: (reason) => void (this.#closeReason = reason),
      onParameters: (parameters) => this.#onPeerParameters(parameters),
    });
    if (options.client !== undefined) {
      this.#handshake = new ClientHandshake({ localId: options.localId, nowUs, ...options.client });
      this.#state = ConnectionState.helloSent;
      this.#timers.set(Timer.hello, nowUs);
      this.#timers.set(Timer.handshake, nowUs + config.handshakeTimeoutUs);
    } else {
      const { agreement, clientId, handshakeRttUs } = options.server!;
      this.#setAgreement(agreement, clientId);
      if (handshakeRttUs !== undefined) this.#path.seedRtt(Math.max(1, handshakeRttUs));
      this.#state = ConnectionState.established;
      this.#emit({ kind: "connected" });
      this.#restartIdle(nowUs);
    }
  }

  /** The address to which datagrams are sent. */
  get remote(): NetAddress {
    return this.#path.remote;
  }

  /** The peer's authenticated identity; undefined before the handshake is complete. */
  get peer(): Agreement["peer"] | undefined {
    return this.#agreement?.peer;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get isClosed(): boolean {
    return this.#state === ConnectionState.closed;
  }

  /** Why the connection ended or is closing; undefined while it is open. */
  get closeReason(): CloseReason | undefined {
    return this.#closeReason;
  }

  /** Whether `peerId` is the connection ID that the peer chose for itself. */
  sendsTo(peerId: Uint8Array): boolean {
    return this.#builder.sendsTo(peerId);
  }

  /** Gives up when nothing arrives for so long, microseconds: the shorter of both sides' timeouts. */
  get idleTimeoutUs(): number {
    return this.#idleTimeoutUs;
  }

  /** Number of open streams. */
  get openStreamCount(): number {
    return this.#streams.openCount;
  }

  /** Received bytes that are buffered in memory. */
  get bufferedBytes(): number {
    return this.#streams.bufferedBytes;
  }

  /** Approximate memory of the streams in bytes: the buffers of both halves, their range sets, and the streams' objects. */
  get streamMemoryBytes(): number {
    return this.#streams.memoryBytes;
  }

  get stats(): ConnectionStats {
    const own = {
      duplicatesReceived: this.#duplicatesReceived,
      retransmittedBytes: this.#streams.retransmittedBytes,
    };
    return joinStats({ own, path: this.#path.stats, recovery: this.#recovery.stats, acks: this.#acks.stats });
  }

  /** What limits it now. Not for hot paths: looks at all streams. */
  sendLimit(nowUs: number): SendLimit {
    if (this.#streams.sender.hasPending()) {
      const { pacer } = this.#path;
      if (this.#recovery.sendMode(nowUs) === SendMode.any && pacer.isFull(nowUs)) return "nothing";
      if (this.#path.isRateLimited) return "rate-limit";
      return this.#path.isRateFixed ? "fixed-rate" : "congestion";
    }
    if (this.#streams.isSendingBlocked) return "flow-control";
    return this.#streams.isPeerBlocked ? "receive-window" : "no-data";
  }

  /** Opens a stream; undefined before the handshake is complete and while the server allows no more. Clients only. */
  openStream(): Stream | undefined {
    if (!this.isClient) throw new CallerError("only a client opens streams");
    return isOpen(this.#state) ? this.#streams.open() : undefined;
  }

  /** Closes the connection and sends the peer the reason. Streams are dropped, finished or not. */
  close(nowUs: number, code: number, reason: string): void {
    this.#close(nowUs, { kind: "local", code, reason });
  }

  /** Changes the send policy. Throws CallerError if the policy is out of bounds. See {@link Path}. */
  setSendPolicy(nowUs: number, policy: SendPolicy): void {
    this.#path.setSendPolicy(nowUs, policy);
    this.#armTimers(nowUs);
  }

  /** Limits what this side sends, beside congestion control. Throws CallerError for a rate that is not positive. */
  limitSending(nowUs: number, limit: RateLimit): void {
    this.#limits.limitSending(limit);
    this.#path.setRateLimit(nowUs, this.#limits.sending);
    this.#armTimers(nowUs);
  }

  /** Asks the peer to limit what it sends. Throws CallerError for a rate that is not positive. */
  limitReceiving(nowUs: number, limit: RateLimit): void {
    this.#limits.limitReceiving(limit);
    this.#armTimers(nowUs);
  }

  /** The next event for the application, or undefined. */
  pollEvent(): ConnectionEvent | undefined {
    const event = this.#events.take();
    if (event === undefined) return undefined;
    if (event.kind === "stream-readable") this.#streams.onReadablePolled(event.stream);
    // Not earlier: the application may still read what arrived before the close.
    if (event.kind === "closed") this.#streams.dropAll();
    return event;
  }

  /** Processes a datagram whose header the endpoint has decoded. Returns why it was dropped, or undefined. */
  handlePacket(nowUs: number, datagram: Uint8Array, { header, remote }: Arrival): DropReason | undefined {
    if (this.#state === ConnectionState.closed || this.#state === ConnectionState.draining) return "late";
    switch (header.type) {
      case PacketType.serverHello:
        return this.#onServerHello(nowUs, datagram, header);
      case PacketType.cookie:
        return this.#state === ConnectionState.helloSent ? this.#handshake!.onCookie(datagram, header) : "out of place";
      case PacketType.clientFinish:
        return this.isClient ? "out of place" : this.#onPacket(nowUs, datagram, header, remote);
      case PacketType.data:
        if (this.#state === ConnectionState.helloSent) return "out of place";
        return this.#onPacket(nowUs, datagram, header, remote);
      default:
        return this.#onVerdict(datagram, header);
    }
  }

  /** Writes the next datagram to be sent to {@link remote} into `buffer`; returns its length, or 0 if none is due. */
  pollTransmit(nowUs: number, buffer: Uint8Array): number {
    const state = this.#state;
    let length = 0;
    if (isOpen(state)) length = this.#pollPacket(nowUs, buffer);
    else if (state === ConnectionState.helloSent) length = this.#pollHello(nowUs, buffer);
    else if (state === ConnectionState.closing) length = this.#builder.buildClose(nowUs, buffer, this.#closing!.take());
    if (length > 0) this.#path.onDatagramSent(length);
    return length;
  }

  /** When {@link handleTimeout} is due, or Infinity. */
  pollTimeout(): number {
    return this.#timers.nextUs();
  }

  /** Handles the timers that have expired by `nowUs`. Call {@link pollTransmit} afterwards. */
  handleTimeout(nowUs: number): void {
    const timers = this.#timers;
    this.#extendHandshake(nowUs);
    if (timers.expire(Timer.handshake, nowUs)) return this.#end({ kind: "handshake-timeout" });
    if (timers.expire(Timer.idle, nowUs) && !this.#listensAgain(nowUs)) return this.#end({ kind: "idle-timeout" });
    if (timers.expire(Timer.closing, nowUs)) return this.#enterClosed();
    timers.expire(Timer.hello, nowUs);
    timers.expire(Timer.pacing, nowUs);
    timers.expire(Timer.ackDelay, nowUs);
    // With packets in flight the probe timeout elicits an acknowledgement; a PING would postpone it.
    if (timers.expire(Timer.keepAlive, nowUs)) this.#isPingDue ||= !this.#recovery.isAnythingInFlight;
    if (timers.expire(Timer.pathValidation, nowUs)) this.#path.validation.onTimeout(nowUs);
    if (timers.expire(Timer.lossDetection, nowUs)) this.#recovery.onTimeout(nowUs);
    this.#armTimers(nowUs);
  }

  // --- receiving ---

  #onPacket(nowUs: number, datagram: Uint8Array, header: PacketHeader, remote: NetAddress): DropReason | undefined {
    const payloadEnd = this.#agreement!.protection.open(datagram, header.headerEnd, header.packetNumber);
    if (payloadEnd < 0) return "damaged";
    this.#observer?.onPacketOpened?.(header, datagram, payloadEnd);
    this.#path.onDatagramReceived(remote, datagram.length);
    if (this.#closing !== undefined) return this.#closing.onPacketReceived();
    if (this.#acks.isDuplicate(header.packetNumber)) {
      this.#duplicatesReceived++;
      return "repeated";
    }
    if (this.#state === ConnectionState.finishSent) {
      this.#state = transition(this.#state, ConnectionState.established);
      this.#timers.stop(Timer.handshake);
      this.#builder.setClientFinish(undefined);
    }
    const isNewest = header.packetNumber > this.#acks.largestReceived;
    try {
      const ackEliciting = this.#frames.receive(nowUs, datagram, header, payloadEnd);
      if (this.#peerParameters === undefined) {
        throw new PeerError(TransportErrorCode.transportParameterError, "no parameters");
      }
      this.#acks.onPacketReceived(header.packetNumber, nowUs, ackEliciting, datagram.length);
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      return this.#close(nowUs, { kind: "violation", code: error.code, reason: error.message });
    }
    if (this.#closeReason !== undefined) return this.#enterDraining(nowUs);
    this.#restartIdle(nowUs);
    if (isNewest && !remote.equals(this.#path.remote)) this.#migrate(nowUs, remote, datagram.length);
    this.#armTimers(nowUs);
    return undefined;
  }

  #onServerHello(nowUs: number, datagram: Uint8Array, header: PacketHeader): DropReason | undefined {
    if (this.#state !== ConnectionState.helloSent) return "out of place";
    const serverHello = this.#handshake!.onServerHello(nowUs, datagram, header);
    if (serverHello === undefined) return "damaged";
    if ("kind" in serverHello) return this.#end(serverHello);
    this.#state = transition(this.#state, ConnectionState.finishSent);
    this.#timers.stop(Timer.hello);
    this.#setAgreement(serverHello, serverHello.serverId);
    this.#builder.setClientFinish({
      ...serverHello,
      sourceId: this.localId,
      parameters: localParameters(this.#config),
    });
    if (serverHello.rttUs > 0) this.#path.seedRtt(serverHello.rttUs);
    else this.#path.seedPacing(serverHello.leastRttUs);
    this.#onPeerParameters(serverHello.parameters);
    this.#emit({ kind: "connected" });
    this.#restartIdle(nowUs);
    // The server must receive a ClientFinish before its token expires: with a request, or else with a PING.
    this.#timers.set(Timer.keepAlive, nowUs + FIRST_PING_DELAY_US);
    return undefined;
  }

  #setAgreement(agreement: Agreement, peerId: Uint8Array): void {
    this.#agreement = agreement;
    this.#builder.setPeer(peerId, agreement.protection);
    this.#observer?.onKeys?.(this.localId, agreement.protection);
  }

  /** The server rejects this connection, or has lost its state. */
  #onVerdict(datagram: Uint8Array, header: PacketHeader): DropReason | undefined {
    const verdict = this.#handshake?.onVerdict(datagram, header, this.#state);
    return typeof verdict === "object" ? this.#end(verdict) : verdict ?? "out of place";
  }

  /** Every ClientFinish repeats the client's parameters, since any of them may be lost. Throws PeerError if they differ. */
  #onPeerParameters(parameters: TransportParameters): void {
    if (this.#peerParameters !== undefined) {
      if (isSameParameters(this.#peerParameters, parameters)) return;
      throw new PeerError(TransportErrorCode.transportParameterError, "parameters that differ from the first");
    }
    this.#peerParameters = parameters;
    this.#streams.setPeerLimits({
      maxData: parameters.initialMaxData,
      maxStreamData: parameters.initialMaxStreamData,
      maxStreams: parameters.initialMaxStreams,
    });
    this.#path.setPeerLimits(parameters);
    this.#idleTimeoutUs = Math.min(this.#config.idleTimeoutUs, parameters.maxIdleTimeoutMs * 1000);
    this.#recovery.setMaxProbeInterval(this.#probeIntervalUs);
  }

  #migrate(nowUs: number, remote: NetAddress, sizeBytes: number): void {
    if (this.isClient) return;
    this.#path.migrate(nowUs, remote, sizeBytes);
    this.#emit({ kind: "address-changed", remote });
  }

  // --- sending ---

  #pollHello(nowUs: number, buffer: Uint8Array): number {
    this.#extendHandshake(nowUs);
    const length = this.#handshake!.pollHello(nowUs, buffer);
    this.#timers.set(Timer.hello, this.#handshake!.helloDueUs);
    return length;
  }

  /** Where a program is late because it was held up, what the server sent waits in its socket's buffer: that time does not count. */
  #extendHandshake(nowUs: number): void {
    const lateUs = Math.max(0, nowUs - this.#timers.nextUs());
    this.#timers.set(Timer.handshake, this.#timers.get(Timer.handshake) + lateUs);
  }

  #pollPacket(nowUs: number, buffer: Uint8Array): number {
    const mode = this.#recovery.sendMode(nowUs);
    let length = 0;
    if (mode === SendMode.none || mode === SendMode.ackOnly) {
      // The anti-amplification limit, not the path, limits the rate now: samples taken under it say nothing of the path.
      if (mode === SendMode.none) this.#recovery.onApplicationLimited();
      if (mode === SendMode.ackOnly && this.#acks.shouldAck(nowUs)) length = this.#builder.buildAck(nowUs, buffer);
    } else if (mode === SendMode.any && this.#isMtuProbeDue(nowUs)) {
      length = this.#builder.buildMtuProbe(nowUs, buffer, this.#path.mtu.probeSize(nowUs));
    } else if (this.#hasPending() || (mode === SendMode.any && this.#recovery.copyTail())) {
      length = this.#builder.build(nowUs, buffer);
      this.#isPingDue = false;
    } else if (this.#acks.shouldAck(nowUs)) {
      length = this.#builder.buildAck(nowUs, buffer);
    } else if (mode === SendMode.any) {
      this.#recovery.onApplicationLimited();
    }
    if (length > 0) this.#restartKeepAlive(nowUs);
    this.#armTimers(nowUs);
    return length;
  }

  /** Whether an ack-eliciting frame is waiting to be sent. */
  #hasPending(): boolean {
    const { validation } = this.#path;
    return this.#recovery.probesPending > 0 || this.#isPingDue || validation.hasPending || this.#limits.hasPending ||
      this.#streams.sender.hasPending();
  }

  /** Larger datagrams pay off only for bulk data, so a probe is never sent ahead of data that fits into one packet. */
  #isMtuProbeDue(nowUs: number): boolean {
    return nowUs >= this.#path.nextMtuProbeUs(nowUs) && this.#state === ConnectionState.established &&
      this.#path.validation.isValidated && this.#recovery.isAnythingInFlight && this.#streams.sender.hasPending();
  }

  #armTimers(nowUs: number): void {
    if (!isOpen(this.#state)) return;
    this.#timers.set(Timer.pathValidation, this.#path.validation.deadlineUs);
    if (this.#recovery.sendMode(nowUs) === SendMode.none) {
      // Nothing that is due can be sent before the next datagram from the peer.
      this.#timers.stop(Timer.lossDetection);
      this.#timers.stop(Timer.ackDelay);
      this.#timers.stop(Timer.pacing);
      return;
    }
    this.#timers.set(Timer.lossDetection, this.#recovery.timerUs());
    this.#timers.set(Timer.ackDelay, this.#acks.ackDeadlineUs);
    this.#timers.set(Timer.pacing, this.#recovery.pacingDeadlineUs(nowUs, this.#hasPending()));
  }

  #restartIdle(nowUs: number): void {
    this.#isIdleSuspected = false;
    this.#timers.set(Timer.idle, nowUs + Math.max(this.#idleTimeoutUs, 3 * this.#path.ptoUs));
  }

  /**
   * The idle timeout is over: whether to listen for one more PTO, or a second. If this side was suspended, or its disk held it up, then
   * what the peer sent is waiting in the socket's buffer, and this timer fires before it is read.
   */
  #listensAgain(nowUs: number): boolean {
    if (this.#isIdleSuspected) return false;
    this.#isIdleSuspected = true;
    this.#timers.set(Timer.idle, nowUs + Math.min(this.#path.ptoUs, MAX_LAST_LISTEN_US));
    return true;
  }

  #restartKeepAlive(nowUs: number): void {
    if (!this.isClient) return;
    const { keepAliveUs, transferKeepAliveUs } = this.#config;
    const intervalUs = this.#streams.openCount > 0 ? transferKeepAliveUs : keepAliveUs;
    this.#timers.set(Timer.keepAlive, nowUs + Math.min(intervalUs, this.#probeIntervalUs));
  }

  /** The longest that a client which hears nothing sends nothing. */
  get #probeIntervalUs(): number {
    return Math.max(Math.floor(this.#idleTimeoutUs / PROBES_PER_IDLE_TIMEOUT), MIN_PROBE_INTERVAL_US);
  }

  #close(nowUs: number, reason: CloseReason): undefined {
    if (this.#state === ConnectionState.helloSent) return this.#end(reason);
    if (!isOpen(this.#state)) return;
    this.#state = transition(this.#state, ConnectionState.closing);
    const { validation: path } = this.#path;
    this.#closing = new CloseState(reason, { streams: this.#streams, path, ...this.#recovery.stats });
    this.#startClosing(nowUs, reason);
  }

  #enterDraining(nowUs: number): undefined {
    this.#state = transition(this.#state, ConnectionState.draining);
    this.#startClosing(nowUs, this.#closeReason!);
  }

  /** RFC 9000, section 10.2: the state is kept for three PTOs, so that packets still in flight are recognized. */
  #startClosing(nowUs: number, reason: CloseReason): void {
    this.#closeReason = reason;
    this.#timers.stopAll();
    this.#timers.set(Timer.closing, nowUs + 3 * this.#path.ptoUs);
    this.#emit({ kind: "closed", reason });
  }

  /** Ends the connection without notifying the peer. */
  #end(reason: CloseReason): undefined {
    if (this.#state === ConnectionState.closing || this.#state === ConnectionState.draining) return this.#enterClosed();
    this.#closeReason = reason;
    this.#emit({ kind: "closed", reason });
    this.#enterClosed();
  }

  #enterClosed(): undefined {
    this.#state = transition(this.#state, ConnectionState.closed);
    this.#timers.stopAll();
    this.#agreement?.protection.wipe();
  }

  #emit(event: ConnectionEvent): void {
    this.#events.push(event);
  }
}
