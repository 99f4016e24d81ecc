/**
 * A man in the middle between a client and a server: the client does not know the server's key, so the attacker answers with
 * one of its own, and begins a connection of its own to the server. It reads every packet, and passes on what it likes, sealed
 * as it must be: so hostile bytes reach the code behind packet protection.
 *
 * It implements the handshake of `docs/PROTOCOL.md`, section 4, without `protocol/handshake/`.
 *
 * @module
 */

import { createHmac } from "node:crypto";
import type { Random } from "../../base/random.ts";
import { Reader, Writer } from "../../base/bytes.ts";
import { KeyPair } from "../../protocol/mod.ts";
import { PacketProtection } from "../../protocol/crypto/packet_protection.ts";
import { Handshake, type Role } from "../../protocol/crypto/noise.ts";
import { CONNECTION_ID_BYTES, readConnectionId, writeConnectionId } from "../../protocol/wire/connection_id.ts";
import {
  MAC_BYTES,
  PacketHeader,
  PacketType,
  VERSION,
  writeClientFinishHeader,
  writeDataHeader,
  writeHello,
  writeServerHello,
} from "../../protocol/wire/packet.ts";

/** The side that a datagram goes to. */
export type Towards = "server" | "client";

/** A packet that it could read. */
export interface Opened {
  readonly type: PacketType;
  /** Its frames; of a ServerHello the reset token and the parameters; of a Hello nothing. */
  readonly body: Uint8Array;
  /** The packet for the other side with another body. Its number may be another: so much more. */
  readonly seal: (body: Uint8Array, skipped?: number) => Uint8Array;
}

/** The two handshakes that follow from one ServerHello, as it was passed on to the client: perhaps in several ways. */
interface Session {
  /** Its handshake with the server, and the one with the client. */
  readonly asClient: Handshake;
  readonly asServer: Handshake;
  /** The message of its own ClientFinish packets, and the keys of either side: once the client has answered. */
  agreed?: {
    readonly message: Uint8Array;
    readonly withServer: PacketProtection;
    readonly withClient: PacketProtection;
    /** Of a Refusal towards the client. */
    readonly refusalKey: Uint8Array;
  };
}

const NOTHING = new Uint8Array(0);

/** Type, version and connection ID of a Refusal go first. */
const REFUSAL_MAC_START = 13;

/** Room for any packet. */
const BUFFER_BYTES = 65_536 + 64;

/** See the module's description; of one connection. */
export class ManInTheMiddle {
  readonly #staticKey: KeyPair;
  readonly #ephemeralKey: Uint8Array;
  /** What the client's Hello said. */
  #clientId: Uint8Array = NOTHING;
  #clientMessage: Uint8Array = NOTHING;
  /** By the server's connection ID, in hex. */
  readonly #sessions = new Map<string, Session[]>();
  /** The one with which the client went on. */
  #current: Session | undefined;

  constructor(random: Random) {
    this.#staticKey = new KeyPair(random.bytes(32));
    this.#ephemeralKey = random.bytes(32);
  }

  /** What is passed on in place of a datagram: the datagram itself, where it cannot read it. */
  pass(datagram: Uint8Array, towards: Towards): Uint8Array {
    const opened = this.open(datagram, towards);
    return opened?.seal(opened.body) ?? datagram;
  }

  /** Reads a packet; undefined where it cannot. */
  open(datagram: Uint8Array, towards: Towards): Opened | undefined {
    const header = new PacketHeader();
    if (!header.decode(datagram)) return undefined;
    switch (header.type) {
      case PacketType.hello:
        return towards === "server" ? this.#openHello(datagram, header) : undefined;
      case PacketType.serverHello:
        return towards === "client" ? this.#openServerHello(datagram, header) : undefined;
      case PacketType.clientFinish:
        return towards === "server" ? this.#openClientFinish(datagram, header) : undefined;
      case PacketType.data:
        return this.#openData(datagram, header, towards);
      default:
        return undefined;
    }
  }

  #openHello(datagram: Uint8Array, header: PacketHeader): Opened | undefined {
    this.#clientId = idAt(datagram, header.sourceIdStart);
    this.#clientMessage = datagram.slice(header.handshakeStart, header.handshakeEnd);
    const hello = {
      sourceId: readConnectionId(new Reader().reset(this.#clientId)),
      handshake: this.#handshake("initiator").writeMessage(NOTHING)!,
      cookie: datagram.slice(header.tokenStart, header.tokenEnd),
      sizeBytes: datagram.length,
    };
    return { type: header.type, body: NOTHING, seal: () => written((writer) => writeHello(writer, hello)) };
  }

  #openServerHello(datagram: Uint8Array, header: PacketHeader): Opened | undefined {
    const asClient = this.#handshake("initiator");
    asClient.writeMessage(NOTHING);
    const body = asClient.readMessage(datagram.subarray(header.handshakeStart, header.handshakeEnd));
    if (body === undefined) return undefined;
    const serverId = idAt(datagram, header.sourceIdStart);
    const token = datagram.slice(header.tokenStart, header.tokenEnd);
    const seal = (answer: Uint8Array): Uint8Array => {
      const asServer = this.#handshake("responder");
      const message = asServer.readMessage(this.#clientMessage) && asServer.writeMessage(answer);
      if (message === undefined) return datagram;
      const id = serverId.toHex();
      this.#sessions.set(id, [...this.#sessions.get(id) ?? [], { asClient, asServer }]);
      const sourceId = readConnectionId(new Reader().reset(serverId));
      const serverHello = { destinationId: this.#clientId, sourceId, token, handshake: message };
      return written((writer) => {
        writeServerHello(writer, serverHello);
        writer.bytes(tagOf(writer.buffer.subarray(0, writer.position), asServer.chainingKey));
      });
    };
    return { type: header.type, body, seal };
  }

  #openClientFinish(datagram: Uint8Array, header: PacketHeader): Opened | undefined {
    const destinationId = idAt(datagram, header.destinationIdStart);
    const message = datagram.subarray(header.handshakeStart, header.handshakeEnd);
    const session = this.#sessions.get(destinationId.toHex())?.find((session) => agree(session, message) !== undefined);
    const agreed = session?.agreed;
    if (agreed === undefined) return undefined;
    this.#sessions.set(destinationId.toHex(), [session!]);
    this.#current = session;
    const body = opened(agreed.withClient, datagram, header);
    if (body === undefined) return undefined;
    const { packetNumber } = header;
    const token = datagram.slice(header.tokenStart, header.tokenEnd);
    const sourceId = readConnectionId(new Reader().reset(this.#clientId));
    const seal = (frames: Uint8Array, skipped = 0): Uint8Array => {
      const number = packetNumber + skipped;
      const common = { destinationId, sourceId, token, handshake: agreed.message };
      return sealed(agreed.withServer, frames, {
        number,
        writeHeader: (writer) => writeClientFinishHeader(writer, { ...common, packetNumber: number }),
      });
    };
    return { type: header.type, body, seal };
  }

  #openData(datagram: Uint8Array, header: PacketHeader, towards: Towards): Opened | undefined {
    const agreed = this.#current?.agreed;
    if (agreed === undefined) return undefined;
    const body = opened(towards === "server" ? agreed.withClient : agreed.withServer, datagram, header);
    if (body === undefined) return undefined;
    const to = idAt(datagram, header.destinationIdStart);
    const { packetNumber } = header;
    const seal = (frames: Uint8Array, skipped = 0): Uint8Array =>
      this.data(towards, frames, { to, number: packetNumber + skipped })!;
    return { type: header.type, body, seal };
  }

  /** A Data packet out of nothing, under its keys; undefined before it has any. */
  data(
    towards: Towards,
    frames: Uint8Array,
    { to, number }: { readonly to: Uint8Array; readonly number: number },
  ): Uint8Array | undefined {
    const agreed = this.#current?.agreed;
    if (agreed === undefined) return undefined;
    const protection = towards === "server" ? agreed.withServer : agreed.withClient;
    return sealed(protection, frames, { number, writeHeader: (writer) => writeDataHeader(writer, to, number) });
  }

  /** The Refusal with the MAC that the client believes; as it is before it has keys, or where it is cut short. */
  withRefusalMac(refusal: Uint8Array): Uint8Array {
    const textStart = REFUSAL_MAC_START + MAC_BYTES;
    const agreed = this.#current?.agreed;
    if (agreed === undefined || refusal.length < textStart) return refusal;
    const hmac = createHmac("sha256", agreed.refusalKey);
    const mac = hmac.update(refusal.subarray(0, REFUSAL_MAC_START)).update(refusal.subarray(textStart)).digest();
    const out = refusal.slice();
    out.set(mac.subarray(0, MAC_BYTES), REFUSAL_MAC_START);
    return out;
  }

  #handshake(role: Role): Handshake {
    const prologue = written((writer) => {
      writer.u32(VERSION);
      writer.bytes(this.#clientId);
    });
    return new Handshake({ role, prologue, staticKey: this.#staticKey, ephemeralKey: this.#ephemeralKey });
  }
}

/** The third message ends both handshakes; it is the same in each ClientFinish packet. */
function agree(session: Session, message: Uint8Array): Session["agreed"] {
  if (session.agreed === undefined && session.asServer.readMessage(message) !== undefined) {
    const keys = session.asServer.split();
    const refusalKey = createHmac("sha256", keys.send).update("sluice refusal").digest();
    session.agreed = {
      message: session.asClient.writeMessage(NOTHING)!,
      withServer: new PacketProtection(session.asClient.split()),
      withClient: new PacketProtection(keys),
      refusalKey,
    };
  }
  return session.agreed;
}

/** What authenticates a ServerHello (`docs/PROTOCOL.md`, section 4.5). */
function tagOf(bytes: Uint8Array, chainingKey: Uint8Array): Uint8Array {
  const key = createHmac("sha256", chainingKey).update("sluice server hello").digest();
  return createHmac("sha256", key).update(bytes).digest().subarray(0, MAC_BYTES);
}

function opened(protection: PacketProtection, datagram: Uint8Array, header: PacketHeader): Uint8Array | undefined {
  const copy = datagram.slice();
  const end = protection.open(copy, header.headerEnd, header.packetNumber);
  return end < 0 ? undefined : copy.subarray(header.headerEnd, end);
}

function sealed(
  protection: PacketProtection,
  frames: Uint8Array,
  { number, writeHeader }: { readonly number: number; readonly writeHeader: (writer: Writer) => void },
): Uint8Array {
  const writer = new Writer().reset(new Uint8Array(BUFFER_BYTES));
  writeHeader(writer);
  const headerEnd = writer.position;
  writer.bytes(frames);
  return writer.buffer.slice(0, protection.seal(writer.buffer, headerEnd, writer.position, number));
}

function written(write: (writer: Writer) => void): Uint8Array {
  const writer = new Writer().reset(new Uint8Array(BUFFER_BYTES));
  write(writer);
  return writer.buffer.slice(0, writer.position);
}

function idAt(datagram: Uint8Array, at: number): Uint8Array {
  return datagram.slice(at, at + CONNECTION_ID_BYTES);
}

/** The 8 bytes of a connection ID that is a number. */
export function idBytes(id: number): Uint8Array {
  return written((writer) => writeConnectionId(writer, id));
}
