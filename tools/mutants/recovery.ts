/**
 * Mistakes in acknowledgements, round trips, loss detection, probes, pacing and the search for the datagram size.
 *
 * @module
 */

import type { Mutant } from "./mutant.ts";

const ACK_TRACKER = "tests/unit/protocol/recovery/ack_tracker_test.ts";
const RACK = "tests/unit/protocol/recovery/rack_test.ts";
const DETECTION = "tests/unit/protocol/recovery/loss_detection_test.ts";
const RTT = "tests/unit/protocol/recovery/rtt_estimator_test.ts";
const SENT_PACKETS = "tests/unit/protocol/recovery/sent_packets_test.ts";
const PACER = "tests/unit/protocol/recovery/pacer_test.ts";
const CONNECTION = "tests/connection/recovery_test.ts";
const CONGESTION = "tests/connection/congestion_test.ts";
const STREAMS = "tests/connection/streams_test.ts";
const REORDERING = "tests/connection/reordering_test.ts";

const ACKNOWLEDGING: readonly Mutant[] = [
  {
    id: "duplicate-processed",
    broken: "A packet that arrives twice is processed twice",
    file: "protocol/connection/connection.ts",
    text: "if (this.#acks.isDuplicate(header.packetNumber)) {",
    becomes: "if (false) {",
    caughtBy: [CONNECTION],
  },
  {
    id: "ack-timer",
    broken: "No timer is armed for an acknowledgement that was put off",
    file: "protocol/connection/connection.ts",
    text: "this.#timers.set(Timer.ackDelay, this.#acks.ackDeadlineUs);",
    becomes: "",
    caughtBy: [CONNECTION],
  },
  {
    id: "ack-out-of-order",
    broken: "A packet that fills a gap is not acknowledged at once",
    file: "protocol/recovery/ack_tracker.ts",
    text: "if (packetNumber < largest) return true;",
    becomes: "",
    caughtBy: [ACK_TRACKER],
  },
  {
    id: "ack-of-acks",
    broken: "Acknowledgements are acknowledged, so that two sides never fall silent",
    file: "protocol/recovery/ack_tracker.ts",
    text: "if (!ackEliciting) return true;",
    becomes: "",
    caughtBy: [ACK_TRACKER, CONNECTION],
  },
  {
    id: "ack-late-forgotten",
    broken: "A packet that came after its gap was reported is not told of any more once that report has arrived",
    file: "protocol/recovery/ack_tracker.ts",
    text: "this.#late.addTo(ranges, start, end);",
    becomes: "",
    caughtBy: [ACK_TRACKER],
  },
  {
    id: "ack-delay-unit",
    broken: "The delay of an acknowledgement is reported in milliseconds where the peer reads microseconds",
    file: "protocol/recovery/ack_tracker.ts",
    text: "return Math.max(0, nowUs - this.#largestReceivedUs);",
    becomes: "return Math.max(0, nowUs - this.#largestReceivedUs) / 1000;",
    caughtBy: [ACK_TRACKER],
  },
  {
    id: "acked-number-not-sent",
    broken: "An ACK frame may name the packet that is to be sent next: an off-by-one",
    file: "protocol/recovery/sent_packets.ts",
    text: "if (start < this.#firstPacketNumber || end > this.#next || start >= end) return NEVER_SENT;",
    becomes: "if (start < this.#firstPacketNumber || end > this.#next + 1 || start >= end) return NEVER_SENT;",
    caughtBy: [SENT_PACKETS],
  },
  {
    id: "lost-stays-in-flight",
    broken: "What was lost stays in flight, so that each loss takes room of the congestion window for ever",
    file: "protocol/recovery/sent_packets.ts",
    text: "this.#leaveFlight(packet);\n    packet.state = SentState.lost;",
    becomes: "this.#outstanding--;\n    packet.state = SentState.lost;",
    caughtBy: [SENT_PACKETS],
  },
];

const ROUND_TRIPS: readonly Mutant[] = [
  {
    id: "rtt-below-minimum",
    broken: "The peer's delay is taken off a round trip also where less than the least one remains",
    file: "protocol/recovery/rtt_estimator.ts",
    text: "const adjustedUs = latestUs >= this.#minUs + delayUs ? latestUs - delayUs : latestUs;",
    becomes: "const adjustedUs = latestUs - delayUs;",
    caughtBy: [RTT],
  },
  {
    id: "rtt-delay-unbounded",
    broken: "The peer's delay counts, however much longer it is than promised",
    file: "protocol/recovery/rtt_estimator.ts",
    text: "const delayUs = Math.min(ackDelayUs, maxAckDelayUs);",
    becomes: "const delayUs = ackDelayUs;",
    caughtBy: [RTT],
  },
  {
    id: "rtt-of-old-packet",
    broken: "An ACK frame that tells nothing new of the newest packet gives a round trip all the same",
    file: "protocol/connection/loss_recovery.ts",
    text: "if (!isNewest || !this.#ackedEliciting) return 0;",
    becomes: "if (!this.#ackedEliciting) return 0;",
    caughtBy: [CONNECTION],
  },
];

const LOSSES: readonly Mutant[] = [
  {
    id: "rack-window-fixed",
    broken: "The reordering window does not grow with what the path reorders",
    file: "protocol/recovery/rack.ts",
    text: "const windowUs = Math.ceil(this.#windowMultiplier * minRttUs / WINDOW_DIVISOR);",
    becomes: "const windowUs = Math.ceil(minRttUs / WINDOW_DIVISOR);",
    caughtBy: [RACK, REORDERING],
  },
  {
    id: "reordering-is-loss",
    broken: "That a path reorders is forgotten at once, so that what is late is taken for lost",
    file: "protocol/recovery/rack.ts",
    text: "if (this.#reorderingSeen) return true;",
    becomes: "",
    caughtBy: [RACK, REORDERING],
  },
  {
    id: "loss-timer",
    broken: "No timer is armed for a packet that may just be late, so that it is judged when the next ACK comes",
    file: "protocol/recovery/loss_detection.ts",
    text: 'if (verdict === "wait") this.#lossTimeUs = packet.sentUs + parameters.lossDelayUs;',
    becomes: "",
    caughtBy: [DETECTION],
  },
  {
    id: "told-not-noted",
    broken: "A packet of which no ACK frame has told anything is judged as if it were known to be missing",
    file: "protocol/recovery/loss_detection.ts",
    text: "if (!this.#told.contains(packet.packetNumber)) parameters.lossDelayUs += rtt.ptoUs(this.maxAckDelayUs);",
    becomes: "",
    caughtBy: [DETECTION, "tests/fuzz/acknowledgement_test.ts"],
  },
  {
    id: "persistent-congestion",
    broken: "Persistent congestion is found, and nobody hears of it",
    file: "protocol/connection/loss_recovery.ts",
    text: "event.persistentCongestion = this.#detection.persistentCongestion;",
    becomes: "",
    caughtBy: [CONGESTION],
  },
  {
    id: "persistent-run-unbroken",
    broken: "A loss that was none does not end the run that makes persistent congestion",
    file: "protocol/recovery/loss_detection.ts",
    text: "if (wasLost) this.#endRun();",
    becomes: "",
    caughtBy: [DETECTION],
  },
  {
    id: "max-data-lost",
    broken: "A MAX_DATA frame that was lost is not sent again",
    file: "protocol/connection/loss_recovery.ts",
    text: "this.#streams.onMaxDataLost();",
    becomes: "",
    caughtBy: [STREAMS],
  },
  {
    id: "max-stream-data-lost",
    broken: "A MAX_STREAM_DATA frame that was lost is not sent again",
    file: "protocol/connection/loss_recovery.ts",
    text: "this.#streams.onMaxStreamDataLost(receipts[i + 1]!);",
    becomes: "",
    caughtBy: [STREAMS],
  },
  {
    id: "max-streams-lost",
    broken: "A MAX_STREAMS frame that was lost is not sent again",
    file: "protocol/connection/loss_recovery.ts",
    text: "this.#streams.onMaxStreamsLost();",
    becomes: "",
    caughtBy: [STREAMS],
  },
  {
    id: "reset-lost",
    broken: "A RESET_STREAM frame that was lost is not sent again",
    file: "protocol/connection/loss_recovery.ts",
    text: "this.#streams.onResetStreamLost(receipts[i + 1]!);",
    becomes: "",
    caughtBy: [STREAMS],
  },
  {
    id: "stop-lost",
    broken: "A STOP_SENDING frame that was lost is not sent again",
    file: "protocol/connection/loss_recovery.ts",
    text: "this.#streams.onStopSendingLost(receipts[i + 1]!);",
    becomes: "",
    caughtBy: [STREAMS],
  },
];

const PROBES: readonly Mutant[] = [
  {
    id: "pto-backoff",
    broken: "The probe timeout never backs off",
    file: "protocol/recovery/loss_detection.ts",
    text: "const backedOffUs = ptoUs * 2 ** Math.min(this.#ptoCount, MAX_PTO_DOUBLINGS);",
    becomes: "const backedOffUs = ptoUs;",
    caughtBy: [DETECTION],
  },
  {
    id: "pto-backoff-stays",
    broken: "The probe timeout stays backed off after an acknowledgement",
    file: "protocol/recovery/loss_detection.ts",
    text: "this.#ptoCount = 0;",
    becomes: "",
    caughtBy: [DETECTION],
  },
  {
    id: "pto-once",
    broken: "The probe timeout is not armed again after the first",
    file: "protocol/recovery/loss_detection.ts",
    text: "if (sent.ackElicitingInFlight === 0) return Infinity;",
    becomes: "if (sent.ackElicitingInFlight === 0 || this.#ptoCount > 0) return Infinity;",
    caughtBy: [DETECTION, CONNECTION],
  },
  {
    id: "pto-without-data",
    broken: "Probes carry a PING and no data, so that a lost tail waits a round trip longer",
    file: "protocol/connection/loss_recovery.ts",
    text: "this.#makeProbeDataPending();",
    becomes: "",
    caughtBy: [CONNECTION],
  },
  {
    id: "probe-waits",
    broken: "A probe waits for a congestion window that is full of lost packets",
    file: "protocol/connection/loss_recovery.ts",
    text: "if (this.#probesPending > 0 || path.validation.isUrgent(isWindowFull)) return SendMode.probe;",
    becomes: "if (path.validation.isUrgent(isWindowFull)) return SendMode.probe;",
    caughtBy: [CONNECTION],
  },
  {
    id: "probe-too-large",
    broken: "Probes stay as large as the path once carried, and never arrive where it has become narrower",
    file: "protocol/connection/loss_recovery.ts",
    text: "return isSuspect ? Math.min(sendableBytes, BASE_DATAGRAM_BYTES) : sendableBytes;",
    becomes: "return sendableBytes;",
    caughtBy: [CONNECTION],
  },
  {
    id: "mtu-black-hole",
    broken: "A path that has become narrower is never noticed",
    file: "protocol/recovery/mtu_discovery.ts",
    text: "if (this.#largeLosses < BLACK_HOLE_LOSSES || this.#lossEvents < BLACK_HOLE_EVENTS) return false;",
    becomes: "return false;",
    caughtBy: ["tests/unit/protocol/recovery/mtu_discovery_test.ts", CONNECTION],
  },
  {
    id: "mtu-one-probe",
    broken: "A datagram size is given up after one probe, which may have been lost by chance",
    file: "protocol/recovery/mtu_discovery.ts",
    text: "if (++this.#probesLost < MAX_PROBES) return;",
    becomes: "",
    caughtBy: ["tests/unit/protocol/recovery/mtu_discovery_test.ts"],
  },
  {
    id: "pacing-ignored",
    broken: "What is sent costs the pacer nothing",
    file: "protocol/recovery/pacer.ts",
    text: "this.#tokensBytes -= bytes;",
    becomes: "",
    caughtBy: [CONNECTION, PACER],
  },
  {
    id: "pacer-saves-up",
    broken: "While nothing is sent the pacer saves up several bursts",
    file: "protocol/recovery/pacer.ts",
    text: "this.#tokensBytes = Math.min(this.#capacityBytes, this.#tokensBytes + accruedBytes);",
    becomes: "this.#tokensBytes = Math.min(4 * this.#capacityBytes, this.#tokensBytes + accruedBytes);",
    caughtBy: [PACER],
  },
  {
    id: "pacing-timer",
    broken: "No timer is armed for what the pacer holds back",
    file: "protocol/connection/connection.ts",
    text: "this.#timers.set(Timer.pacing, this.#hasPending() ? this.#recovery.pacingDeadlineUs(nowUs) : Infinity);",
    becomes: "",
    caughtBy: [CONNECTION, "tests/connection/rate_test.ts"],
  },
];

/** See the module's description. */
export const RECOVERY_MUTANTS: readonly Mutant[] = [...ACKNOWLEDGING, ...ROUND_TRIPS, ...LOSSES, ...PROBES];
