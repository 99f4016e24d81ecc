/**
 * One connection between two endpoints: wires the parts together and owns no algorithm.
 *
 * ```
 *   handlePacket --> protection --> frames --> streams, acknowledgements, loss recovery, path
 *   pollTransmit <-- packet builder <-- streams, acknowledgements, loss recovery, path
 *   pollTimeout / handleTimeout --> timer table
 *   pollEvent --> the application
 * ```
 *
 * Time comes in as an argument, datagrams go in and out as bytes, and nothing here waits: `io/` drives it on a real
 * socket and clock, `sim/` on simulated ones.
 *
 * @module
 */

import { AckTracker } from "./recovery/ack_tracker.ts";
import type { ConnectionConfig } from "./config.ts";
import { ConnectionState, isOpen, transition } from "./connection_state.ts";
import { CallerError, type CloseReason, PeerError, TransportErrorCode } from "./errors.ts";
import { FrameReceiver } from "./frame_receiver.ts";
import { ClientHandshake, localParameters } from "./handshake.ts";
import { LossRecovery, SendMode } from "./loss_recovery.ts";
import { PacketBuilder } from "./packet_builder.ts";
import { Path } from "./path.ts";
import type { PacketProtection } from "./protection/packet_protection.ts";
import type { Stream } from "./stream/stream.ts";
import { type StreamEvent, StreamTable } from "./stream/stream_table.ts";
import { Timer, TimerTable } from "./timer_table.ts";
import { type PacketHeader, PacketType, PROTOCOL_VERSION } from "./wire/packet.ts";
import type { TransportParameters } from "./wire/parameters.ts";

/** What a connection tells its application. */
export type ConnectionEvent =
  /** The handshake is done: streams may be opened. */
  | { readonly kind: "connected" }
  | StreamEvent
  /** The peer was heard from at a new address. */
  | { readonly kind: "address-changed"; readonly remote: string }
  /** The connection has ended; nothing follows. */
  | { readonly kind: "closed"; readonly reason: CloseReason };

/** What a connection is made with. Only an endpoint makes one. */
export interface ConnectionOptions {
  readonly isClient: boolean;
  readonly config: ConnectionConfig;
  readonly nowUs: number;
  /** This side's connection ID, below 2^53. */
  readonly localId: number;
  /** The peer's address, in whatever form the driver uses. */
  readonly remote: string;
  readonly protection: PacketProtection;
  /** Random bytes, for path challenges. */
  readonly randomBytes: (count: number) => Uint8Array;
  /** Seed for the congestion controller's own draws. */
  readonly seed: number;
  /** The client's connection ID; servers only. */
  readonly peerId?: Uint8Array;
}

/** A program that ends does not stay to answer, so its CONNECTION_CLOSE goes out more than once. */
const CLOSE_COPIES = 2;

/** Counters of one connection, since it began. */
export interface ConnectionStats {
  readonly datagramsSent: number;
  readonly datagramsReceived: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly packetsLost: number;
  readonly spuriousLosses: number;
  readonly retransmittedBytes: number;
  readonly duplicatesReceived: number;
  readonly smoothedRttUs: number;
  readonly minRttUs: number;
  readonly congestionWindowBytes: number;
  readonly bytesInFlight: number;
  readonly datagramBytes: number;
}

/** A connection. Times are microseconds of any steady clock, the same for every call. */
export class Connection {
  readonly localId: number;
  readonly isClient: boolean;
  readonly #config: ConnectionConfig;
  readonly #protection: PacketProtection;
  readonly #path: Path;
  readonly #streams: StreamTable;
  readonly #recovery: LossRecovery;
  readonly #acks: AckTracker;
  readonly #timers = new TimerTable();
  readonly #builder: PacketBuilder;
  readonly #frames: FrameReceiver;
  readonly #handshake: ClientHandshake | undefined;
  readonly #events: ConnectionEvent[] = [];
  #eventsRead = 0;
  #state: ConnectionState;
  #closeReason: CloseReason | undefined;
  /** CONNECTION_CLOSE packets that are to go out. */
  #closesDue = 0;
  #isPingDue = false;
  #hasPeerParameters = false;
  #datagramsReceived = 0;
  #datagramsSent = 0;
  #bytesSent = 0;
  #bytesReceived = 0;
  #duplicatesReceived = 0;
  #idleTimeoutUs: number;

  constructor(options: ConnectionOptions) {
    const { config, nowUs, isClient } = options;
    this.localId = options.localId;
    this.isClient = isClient;
    this.#config = config;
    this.#protection = options.protection;
    this.#idleTimeoutUs = config.idleTimeoutUs;
    this.#path = new Path({ ...options, isValidated: true });
    this.#streams = new StreamTable({ isClient, config, emit: (event) => this.#emit(event) });
    this.#acks = new AckTracker({ maxAckDelayUs: config.maxAckDelayUs });
    this.#recovery = new LossRecovery({ path: this.#path, streams: this.#streams, acks: this.#acks });
    this.#builder = new PacketBuilder({
      protection: options.protection,
      streams: this.#streams,
      acks: this.#acks,
      path: this.#path,
      recovery: this.#recovery,
    });
    this.#frames = new FrameReceiver({
      streams: this.#streams,
      recovery: this.#recovery,
      path: this.#path,
      onClose: (reason) => this.#onPeerClose(reason),
      onParameters: (parameters) => this.#onPeerParameters(parameters),
    });
    if (isClient) {
      this.#handshake = new ClientHandshake({ localId: options.localId, nowUs });
      this.#state = ConnectionState.helloSent;
      this.#timers.set(Timer.hello, nowUs);
      this.#timers.set(Timer.handshake, nowUs + config.handshakeTimeoutUs);
    } else {
      this.#builder.setPeerId(options.peerId!);
      this.#state = ConnectionState.established;
      this.#emit({ kind: "connected" });
      this.#restartIdle(nowUs);
    }
  }

  /** The address to which datagrams go. */
  get remote(): string {
    return this.#path.remote;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Nothing more will come of this connection. */
  get isClosed(): boolean {
    return this.#state === ConnectionState.closed;
  }

  /** Whether `peerId` is the connection ID that the peer chose for itself. */
  sendsTo(peerId: Uint8Array): boolean {
    return this.#builder.sendsTo(peerId);
  }

  /** Streams under way. */
  get openStreamCount(): number {
    return this.#streams.openCount;
  }

  /** Bytes received that this side holds in memory. */
  get heldBytes(): number {
    return this.#streams.heldBytes;
  }

  get stats(): ConnectionStats {
    return {
      datagramsSent: this.#datagramsSent,
      datagramsReceived: this.#datagramsReceived,
      bytesSent: this.#bytesSent,
      bytesReceived: this.#bytesReceived,
      duplicatesReceived: this.#duplicatesReceived,
      retransmittedBytes: this.#streams.retransmittedBytes,
      ...this.#recovery.stats,
      ...this.#path.stats,
    };
  }

  /** Opens a stream; undefined before the handshake is done, and while the server allows no more. Clients only. */
  openStream(): Stream | undefined {
    if (!this.isClient) throw new CallerError("only a client opens streams");
    return isOpen(this.#state) ? this.#streams.open() : undefined;
  }

  /** Ends the connection, telling the peer why. Streams are dropped as they stand. */
  close(nowUs: number, code: number, reason: string): void {
    this.#close(nowUs, { kind: "local", code, reason });
  }

  /** What the application must hear next, or undefined. */
  pollEvent(): ConnectionEvent | undefined {
    const event = this.#events[this.#eventsRead];
    if (event === undefined) return undefined;
    if (++this.#eventsRead === this.#events.length) {
      this.#events.length = 0;
      this.#eventsRead = 0;
    }
    if (event.kind === "stream-readable") this.#streams.onReadableHeard(event.stream);
    // Not before: what arrived ahead of the end is still read.
    if (event.kind === "closed") this.#streams.dropAll();
    return event;
  }

  /**
   * A datagram for this connection, whose header the endpoint has decoded. Returns why it was dropped, or undefined.
   */
  handlePacket(
    nowUs: number,
    datagram: Uint8Array,
    packet: { header: PacketHeader; remote: string },
  ): string | undefined {
    const { header, remote } = packet;
    if (this.#state === ConnectionState.closed || this.#state === ConnectionState.draining) return "closed";
    switch (header.type) {
      case PacketType.retry:
        return this.#onRetry(nowUs, datagram, header);
      case PacketType.versionNegotiation:
        return this.#onVersionNegotiation(datagram, header);
      case PacketType.reset:
        return this.#onReset(header);
      case PacketType.initial:
        return this.isClient ? "unexpected" : this.#onPacket(nowUs, datagram, header, remote);
      case PacketType.data:
        return this.#state === ConnectionState.helloSent ? "early" : this.#onPacket(nowUs, datagram, header, remote);
      default:
        return "unexpected";
    }
  }

  /** Writes the next datagram that should be sent now to {@link remote} into `buffer`; returns its length, 0 if none. */
  pollTransmit(nowUs: number, buffer: Uint8Array): number {
    let length = 0;
    if (this.#state === ConnectionState.helloSent) length = this.#handshake!.pollHello(nowUs, buffer);
    else if (this.#state === ConnectionState.closing) length = this.#pollClose(nowUs, buffer);
    else if (isOpen(this.#state)) length = this.#pollPacket(nowUs, buffer);
    if (length > 0) {
      this.#datagramsSent++;
      this.#bytesSent += length;
      this.#path.onDatagramSent(length);
    }
    if (this.#state === ConnectionState.helloSent) this.#timers.set(Timer.hello, this.#handshake!.helloDueUs);
    return length;
  }

  /** When {@link handleTimeout} is due, or Infinity. */
  pollTimeout(): number {
    return this.#timers.nextUs();
  }

  /** Does what is due by `nowUs`. To be followed by {@link pollTransmit}. */
  handleTimeout(nowUs: number): void {
    const timers = this.#timers;
    if (timers.expire(Timer.handshake, nowUs)) return this.#end({ kind: "handshake-timeout" });
    if (timers.expire(Timer.idle, nowUs)) return this.#end({ kind: "idle-timeout" });
    if (timers.expire(Timer.closing, nowUs)) return this.#enterClosed();
    timers.expire(Timer.hello, nowUs);
    timers.expire(Timer.pacing, nowUs);
    timers.expire(Timer.ackDelay, nowUs);
    timers.expire(Timer.mtuProbe, nowUs);
    if (timers.expire(Timer.keepAlive, nowUs)) this.#isPingDue = true;
    if (timers.expire(Timer.pathValidation, nowUs)) this.#path.onValidationTimeout(nowUs);
    if (timers.expire(Timer.lossDetection, nowUs)) this.#recovery.onTimeout(nowUs);
    this.#armTimers(nowUs);
  }

  // --- receiving ---

  #onPacket(nowUs: number, datagram: Uint8Array, header: PacketHeader, remote: string): string | undefined {
    const payloadEnd = this.#protection.open(datagram, header.headerEnd, header.packetNumber);
    if (payloadEnd < 0) return "damaged";
    this.#datagramsReceived++;
    this.#bytesReceived += datagram.length;
    if (this.#state === ConnectionState.closing) {
      this.#closesDue = 1;
      return undefined;
    }
    if (this.#acks.isDuplicate(header.packetNumber)) {
      this.#duplicatesReceived++;
      return "duplicate";
    }
    if (this.#state === ConnectionState.initialSent) this.#onConfirmed();
    const isNewest = header.packetNumber > this.#acks.largestReceived;
    try {
      const ackEliciting = this.#frames.receive(nowUs, datagram, { start: header.headerEnd, end: payloadEnd });
      if (!this.#hasPeerParameters) throw new PeerError(TransportErrorCode.transportParameterError, "no parameters");
      this.#acks.onPacketReceived(header.packetNumber, nowUs, ackEliciting);
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      this.#close(nowUs, { kind: "violation", code: error.code, reason: error.message });
      return undefined;
    }
    if (this.#closeReason !== undefined) {
      this.#enterDraining(nowUs);
      return undefined;
    }
    this.#restartIdle(nowUs);
    this.#path.onDatagramReceived(remote, datagram.length);
    if (remote !== this.#path.remote && isNewest) this.#migrate(nowUs, remote, datagram.length);
    this.#armTimers(nowUs);
    return undefined;
  }

  #onRetry(nowUs: number, datagram: Uint8Array, header: PacketHeader): string | undefined {
    if (this.#state !== ConnectionState.helloSent) return "unexpected";
    const retry = this.#handshake!.onRetry(nowUs, datagram, header);
    if (retry === undefined) return "malformed";
    this.#state = transition(this.#state, ConnectionState.initialSent);
    this.#timers.stop(Timer.hello);
    this.#builder.setPeerId(retry.serverId);
    this.#builder.setInitial({ sourceId: this.localId, token: retry.token, parameters: localParameters(this.#config) });
    if (retry.rttUs > 0) this.#path.seedRtt(retry.rttUs);
    this.#onPeerParameters(retry.parameters);
    this.#emit({ kind: "connected" });
    this.#restartIdle(nowUs);
    // Whatever the application has to say, the server must hear of this connection before its token expires.
    this.#isPingDue = true;
    return undefined;
  }

  #onVersionNegotiation(datagram: Uint8Array, header: PacketHeader): string | undefined {
    if (this.#state !== ConnectionState.helloSent) return "unexpected";
    const supported = this.#handshake!.onVersionNegotiation(datagram, header);
    // RFC 9000, section 6.2: a list that holds our version answers somebody else.
    if (supported === undefined || supported.includes(PROTOCOL_VERSION)) return "malformed";
    this.#end({ kind: "version", supported });
    return undefined;
  }

  /** Accepted only for a packet number that is in flight: who cannot see the packets cannot guess it. */
  #onReset(header: PacketHeader): string | undefined {
    if (!isOpen(this.#state) || !this.#recovery.isOutstanding(header.packetNumber)) return "unexpected";
    this.#end({ kind: "reset" });
    return undefined;
  }

  #onConfirmed(): void {
    this.#state = transition(this.#state, ConnectionState.established);
    this.#timers.stop(Timer.handshake);
    this.#builder.setInitial(undefined);
  }

  #onPeerParameters(parameters: TransportParameters): void {
    this.#hasPeerParameters = true;
    this.#streams.setPeerLimits({
      maxData: parameters.initialMaxData,
      maxStreamData: parameters.initialMaxStreamData,
      maxStreams: parameters.initialMaxStreams,
    });
    this.#path.setPeerLimits(parameters);
    this.#idleTimeoutUs = Math.min(this.#config.idleTimeoutUs, parameters.maxIdleTimeoutMs * 1000);
  }

  #onPeerClose(reason: CloseReason): void {
    this.#closeReason = reason;
  }

  #migrate(nowUs: number, remote: string, sizeBytes: number): void {
    if (this.isClient) return;
    this.#path.migrate(nowUs, remote, sizeBytes);
    this.#emit({ kind: "address-changed", remote });
  }

  // --- sending ---

  #pollPacket(nowUs: number, buffer: Uint8Array): number {
    const recovery = this.#recovery;
    const mode = recovery.sendMode(nowUs);
    let length = 0;
    if (mode === SendMode.none) {
      length = 0;
    } else if (mode === SendMode.ackOnly) {
      if (this.#acks.shouldAck(nowUs)) length = this.#builder.buildAck(nowUs, buffer);
    } else if (mode === SendMode.any && this.#isMtuProbeDue(nowUs)) {
      length = this.#builder.buildMtuProbe(nowUs, buffer, this.#path.mtu.probeSize(nowUs));
    } else if (recovery.probesPending > 0 || this.#isPingDue || this.#path.hasPending || this.#streams.hasPending()) {
      length = this.#builder.build(nowUs, buffer);
      this.#isPingDue = false;
    } else if (this.#acks.shouldAck(nowUs)) {
      length = this.#builder.buildAck(nowUs, buffer);
    } else if (mode === SendMode.any) {
      recovery.onApplicationLimited();
    }
    if (length > 0) this.#restartKeepAlive(nowUs);
    this.#armTimers(nowUs);
    return length;
  }

  /** Larger datagrams pay where there is much to send, so the path is probed while it is used. */
  #isMtuProbeDue(nowUs: number): boolean {
    return nowUs >= this.#path.mtu.nextProbeUs && this.#state === ConnectionState.established &&
      this.#streams.hasPending();
  }

  #pollClose(nowUs: number, buffer: Uint8Array): number {
    if (this.#closesDue === 0) return 0;
    this.#closesDue--;
    const reason = this.#closeReason!;
    const isApplication = reason.kind === "local";
    const code = reason.kind === "local" || reason.kind === "violation" ? reason.code : TransportErrorCode.noError;
    const text = "reason" in reason ? reason.reason : "";
    return this.#builder.buildClose(nowUs, buffer, { isApplication, code, reason: text });
  }

  // --- timers ---

  #armTimers(nowUs: number): void {
    if (!isOpen(this.#state)) return;
    this.#timers.set(Timer.pathValidation, this.#path.validationDeadlineUs);
    if (this.#recovery.sendMode(nowUs) === SendMode.none) {
      // Whatever is due cannot be sent before the peer is heard from again.
      this.#timers.stop(Timer.lossDetection);
      this.#timers.stop(Timer.ackDelay);
      this.#timers.stop(Timer.pacing);
      return;
    }
    this.#timers.set(Timer.lossDetection, this.#recovery.timerUs());
    this.#timers.set(Timer.ackDelay, this.#acks.ackDeadlineUs);
    this.#timers.set(Timer.pacing, this.#streams.hasPending() ? this.#recovery.pacingDeadlineUs(nowUs) : Infinity);
  }

  #restartIdle(nowUs: number): void {
    this.#timers.set(Timer.idle, nowUs + Math.max(this.#idleTimeoutUs, 3 * this.#path.ptoUs));
  }

  #restartKeepAlive(nowUs: number): void {
    if (this.isClient) this.#timers.set(Timer.keepAlive, nowUs + this.#config.keepAliveUs);
  }

  // --- ending ---

  #close(nowUs: number, reason: CloseReason): void {
    if (this.#state === ConnectionState.helloSent) return this.#end(reason);
    if (!isOpen(this.#state)) return;
    this.#state = transition(this.#state, ConnectionState.closing);
    this.#closesDue = CLOSE_COPIES;
    this.#startClosing(nowUs, reason);
  }

  #enterDraining(nowUs: number): void {
    this.#state = transition(this.#state, ConnectionState.draining);
    this.#startClosing(nowUs, this.#closeReason!);
  }

  /** RFC 9000, section 10.2: three PTOs, so that what is still on its way finds its connection. */
  #startClosing(nowUs: number, reason: CloseReason): void {
    this.#closeReason = reason;
    this.#timers.stopAll();
    this.#timers.set(Timer.closing, nowUs + 3 * this.#path.ptoUs);
    this.#emit({ kind: "closed", reason });
  }

  /** Ends without a word to the peer. */
  #end(reason: CloseReason): void {
    if (this.#state === ConnectionState.closing || this.#state === ConnectionState.draining) return this.#enterClosed();
    this.#closeReason = reason;
    this.#emit({ kind: "closed", reason });
    this.#enterClosed();
  }

  #enterClosed(): void {
    this.#state = transition(this.#state, ConnectionState.closed);
    this.#timers.stopAll();
  }

  #emit(event: ConnectionEvent): void {
    this.#events.push(event);
  }
}
