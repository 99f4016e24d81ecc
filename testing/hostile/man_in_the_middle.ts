/**
 * Somebody between a client and a server who has taken the place of each for the other: the client does not know the
 * server's key, so he answers with his own, and begins a connection of his own to the server. He reads every packet, and
 * passes on what he likes, sealed as it must be: so what lies behind the encryption is reached with hostile bytes.
 *
 * He speaks version 2 by `docs/PROTOCOL.md`, section 6.3, and uses neither suite of `protocol/handshake/`.
 *
 * @module
 */

import { type Random } from "../../base/random.ts";
import { Reader, Writer } from "../../base/bytes.ts";
import { KeyPair } from "../../protocol/mod.ts";
import { ChaChaProtection } from "../../protocol/crypto/chacha_protection.ts";
import { Handshake, type Role } from "../../protocol/crypto/noise.ts";
import { CONNECTION_ID_BYTES, readConnectionId, writeConnectionId } from "../../protocol/wire/connection_id.ts";
import { CRC32_BYTES } from "../../protocol/wire/crc32.ts";
import {
  PacketHeader,
  PacketType,
  Version,
  writeClientFinishHeader,
  writeDataHeader,
  writeHello,
  writeServerHello,
} from "../../protocol/wire/packet.ts";
import { toHex } from "../../transfer/hex.ts";

/** Whither a datagram goes. */
export type Towards = "server" | "client";

/** A packet that he could read. */
export interface Opened {
  readonly type: PacketType;
  /** Its frames; of a ServerHello the reset token and the parameters; of a Hello nothing. */
  readonly body: Uint8Array;
  /** The packet for the other side with another body. Its number may be another: so much more. */
  readonly seal: (body: Uint8Array, skipped?: number) => Uint8Array;
}

/** What came of one ServerHello of the server's, as it was answered to the client: perhaps in more ways than one. */
interface Session {
  /** His handshake with the server, and the one with the client. */
  readonly asClient: Handshake;
  readonly asServer: Handshake;
  /** The message of his own ClientFinish packets, and what protects packets on either side: once the client has answered. */
  agreed?: {
    readonly message: Uint8Array;
    readonly withServer: ChaChaProtection;
    readonly withClient: ChaChaProtection;
  };
}

const NOTHING = new Uint8Array(0);

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

  /** What goes on in place of a datagram: itself, where he cannot read it. */
  pass(datagram: Uint8Array, towards: Towards): Uint8Array {
    const opened = this.open(datagram, towards);
    return opened?.seal(opened.body) ?? datagram;
  }

  /** Reads a packet; undefined where it is none that he can read. */
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
    if (header.version !== Version.encrypted) return undefined;
    this.#clientId = idAt(datagram, header.sourceIdStart);
    this.#clientMessage = datagram.slice(header.handshakeStart, header.handshakeEnd);
    const hello = {
      version: Version.encrypted,
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
    const body = asClient.readMessage(datagram.subarray(header.headerEnd, datagram.length - CRC32_BYTES));
    if (body === undefined) return undefined;
    const serverId = idAt(datagram, header.sourceIdStart);
    const token = datagram.slice(header.tokenStart, header.tokenEnd);
    const seal = (answer: Uint8Array): Uint8Array => {
      const asServer = this.#handshake("responder");
      const payload = asServer.readMessage(this.#clientMessage) && asServer.writeMessage(answer);
      if (payload === undefined) return datagram;
      const id = toHex(serverId);
      this.#sessions.set(id, [...this.#sessions.get(id) ?? [], { asClient, asServer }]);
      const sourceId = readConnectionId(new Reader().reset(serverId));
      const serverHello = { version: Version.encrypted, destinationId: this.#clientId, sourceId, token, payload };
      return written((writer) => writeServerHello(writer, serverHello));
    };
    return { type: header.type, body, seal };
  }

  #openClientFinish(datagram: Uint8Array, header: PacketHeader): Opened | undefined {
    const destinationId = idAt(datagram, header.destinationIdStart);
    const message = datagram.subarray(header.handshakeStart, header.handshakeEnd);
    const session = this.#sessions.get(toHex(destinationId))?.find((session) => agree(session, message) !== undefined);
    const agreed = session?.agreed;
    if (agreed === undefined) return undefined;
    this.#sessions.set(toHex(destinationId), [session!]);
    this.#current = session;
    const body = opened(agreed.withClient, datagram, header);
    if (body === undefined) return undefined;
    const { packetNumber } = header;
    const token = datagram.slice(header.tokenStart, header.tokenEnd);
    const sourceId = readConnectionId(new Reader().reset(this.#clientId));
    const seal = (frames: Uint8Array, skipped = 0): Uint8Array => {
      const number = packetNumber + skipped;
      const common = { version: Version.encrypted, destinationId, sourceId, token, handshake: agreed.message };
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

  /** A Data packet out of nothing, under his keys; undefined before he has any. */
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

  #handshake(role: Role): Handshake {
    const prologue = written((writer) => {
      writer.u32(Version.encrypted);
      writer.bytes(this.#clientId);
    });
    return new Handshake({ role, prologue, staticKey: this.#staticKey, ephemeralKey: this.#ephemeralKey });
  }
}

/** The third message ends both handshakes; it is the same in each ClientFinish packet. */
function agree(session: Session, message: Uint8Array): Session["agreed"] {
  if (session.agreed === undefined && session.asServer.readMessage(message) !== undefined) {
    session.agreed = {
      message: session.asClient.writeMessage(NOTHING)!,
      withServer: new ChaChaProtection(session.asClient.split()),
      withClient: new ChaChaProtection(session.asServer.split()),
    };
  }
  return session.agreed;
}

function opened(protection: ChaChaProtection, datagram: Uint8Array, header: PacketHeader): Uint8Array | undefined {
  const copy = datagram.slice();
  const end = protection.open(copy, header.headerEnd, header.packetNumber);
  return end < 0 ? undefined : copy.subarray(header.headerEnd, end);
}

function sealed(
  protection: ChaChaProtection,
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
