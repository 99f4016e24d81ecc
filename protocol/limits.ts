/**
 * Limits that hold whatever a peer or an unvalidated address sends, each with the attack that it stops. What a user may want to
 * change is in `config.ts` instead.
 *
 * @module
 */

/**
 * An endpoint sends at most this many times the bytes that it got from an address not yet proven (RFC 9000,
 * section 8). Stops: using a server to flood a third party whose address the attacker forges.
 */
export const AMPLIFICATION_FACTOR = 3;

/**
 * How long a token proves an address, in microseconds. Stops: hoarding tokens, and replaying a handshake later. A
 * connection ID stays remembered for as long after its connection ended, so that within this time a replay finds it.
 * A round trip of ten seconds and some repeats of the first packet have to fit, for who waits that long.
 */
export const TOKEN_LIFETIME_US = 30_000_000;

/**
 * How long tokens are sealed under the same secret, in microseconds. Stops: opening all handshakes recorded since a server's
 * start, with a secret read from its memory.
 */
export const TOKEN_SECRET_LIFETIME_US = 3_600_000_000;

/**
 * Packets with a PATH_CHALLENGE or a PATH_RESPONSE that go out though the congestion window is full, until it has room
 * again. Stops: a flood of challenges whose answers nobody acknowledges, each a packet more in flight and in memory.
 */
export const MAX_PATH_PACKETS_BEYOND_WINDOW = 16;

/**
 * PATH_CHALLENGE frames that wait for their PATH_RESPONSE; further ones go unanswered. All responses that wait go out in one
 * packet. Stops: a packet full of challenges, each of which makes the peer remember and send nine bytes.
 */
export const MAX_PENDING_PATH_RESPONSES = 16;

/**
 * A probe timeout counts for no more than this, in microseconds, where a connection is kept for some of them. Stops:
 * making a path seem slow by acknowledging ever later, so that the connection is kept for hours after the last word.
 */
export const MAX_KEPT_PTO_US = 20_000_000;

/** Connections that one endpoint keeps at once. Stops: exhausting memory by handshakes from many proven addresses. */
export const MAX_CONNECTIONS = 4096;

/**
 * Sources, with proven addresses, of which a server remembers how many handshakes they began; the one longest ago goes
 * first. Stops: exhausting memory by handshakes from ever new addresses.
 */
export const MAX_REMEMBERED_SOURCES = 8_192;

/**
 * Ended connections that an endpoint remembers for the lifetime of tokens; with so many, no connection begins. Stops:
 * exhausting memory by opening and closing connections faster than their tokens expire.
 */
export const MAX_REMEMBERED_CLOSED = 65_536;

/**
 * Disjoint ranges that a stream may have received. Stops: a sender that sends every other byte, making the receiver
 * remember each. An honest sender's gaps are losses within one window: 50,000 at 10 Gbit/s, 600 ms and 10 % loss.
 */
export const MAX_STREAM_GAPS = 65_536;

/**
 * Bytes beyond a stream's contiguous beginning that may arrive as ZEROS. Stops: a file of zeros of which the first byte is
 * missing until the last, so that a few packets leave gigabytes to be hashed at once. An honest sender knows by its
 * acknowledgements how far it may go, and sends zeros beyond that as data.
 */
export const MAX_ZEROS_AHEAD_BYTES = 67_108_864;

/** Disjoint ranges of packet numbers remembered for acknowledging. Stops: the same, by skipping packet numbers. */
export const MAX_ACK_RANGES = 65_536;

/** Packets in flight that a sender remembers. Stops: unbounded memory when a peer never acknowledges. */
export const MAX_SENT_PACKETS = 1_048_576;
