/**
 * What a version of the protocol makes of the handshake: what its messages carry, what proves the client's address, and
 * what protects the packets that follow. The order of the messages is the same in all: Hello, ServerHello, ClientFinish.
 *
 * The server's half keeps nothing between Hello and ClientFinish: what it must know again is in the token.
 *
 * @module
 */

import type { PeerIdentity } from "./peer_identity.ts";
import type { PacketProtection } from "../crypto/packet_protection.ts";
import type { Writer } from "../../base/bytes.ts";
import type { Version } from "../wire/packet.ts";
import type { TransportParameters } from "../wire/parameters.ts";

/** A client that has said Hello. */
export interface ClientAddress {
  /** The client's address as "host:port". */
  readonly address: string;
  /** The client's connection ID, 8 bytes. */
  readonly clientId: Uint8Array;
}

/** What a token is bound to. */
export interface TokenBinding extends ClientAddress {
  /** The connection ID that the server chose for its own side. */
  readonly serverId: number;
}

/** What a connection that was agreed on goes on with. */
export interface Agreement {
  readonly protection: PacketProtection;
  readonly peer: PeerIdentity;
}

/** What a client takes from a ServerHello. */
export interface ServerAnswer extends Agreement {
  readonly parameters: TransportParameters;
  /** The message that every ClientFinish packet carries beside the token. */
  readonly handshake: Uint8Array;
  /** What makes a Reset or a Refusal believable; undefined in version 1. */
  readonly resetToken: Uint8Array | undefined;
}

/** The client's half, for one connection. */
export interface ClientSuite {
  readonly version: Version;
  /** What a Hello carries. */
  readonly hello: Uint8Array;
  /** Takes what a ServerHello carries after its token; undefined, and nothing changed, where it is not the server's answer. */
  onServerHello(payload: Uint8Array): ServerAnswer | undefined;
}

/** The server's half, for all connections. */
export interface ServerSuite {
  readonly version: Version;
  /**
   * Writes a datagram that asks a client to prove its address before more is done for it, and returns its length; undefined
   * where a ServerHello itself costs no more than that.
   */
  writeCookie(nowUs: number, writer: Writer, client: ClientAddress): number | undefined;
  /** Whether a Hello's cookie is one that was made for this client, and not long ago. */
  isCookie(nowUs: number, cookie: Uint8Array, client: ClientAddress): boolean;
  /** What a ServerHello answers to a Hello that carried `hello`; undefined where that is no good. */
  answer(
    nowUs: number,
    hello: Uint8Array,
    binding: TokenBinding,
  ): { readonly token: Uint8Array; readonly payload: Uint8Array } | undefined;
  /** Undefined where the token is none of ours, or not for this client, or too old. */
  verify(nowUs: number, token: Uint8Array, binding: TokenBinding): ProvenAddress | undefined;
  /** Writes a datagram that tells the client that it is not taken, and why; returns its length. Keeps nothing. */
  writeRefusal(writer: Writer, binding: TokenBinding, reason: string): number;
}

/** A client that has shown a good token. */
export interface ProvenAddress {
  /** How long ago the token was made, microseconds. */
  readonly tokenAgeUs: number;
  /** Takes the message of a ClientFinish packet; undefined where it is forged. */
  agree(handshake: Uint8Array): Agreement | undefined;
}
