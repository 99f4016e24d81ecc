import assert from "node:assert/strict";
import fc from "fast-check";
import { InvariantError } from "../../../../base/invariant.ts";
import { Random } from "../../../../base/random.ts";
import { AEAD_TAG_BYTES, ChaCha20Poly1305 } from "../../../../protocol/crypto/chacha20poly1305/aead.ts";
import { Handshake, type Role } from "../../../../protocol/crypto/noise.ts";
import { KeyPair } from "../../../../protocol/crypto/x25519.ts";
import { fromHex } from "../../../../testing/wire_values.ts";
import { NOISE_VECTORS } from "../../../../testing/noise_vectors.ts";

const NOTHING = new Uint8Array(0);

interface Sides {
  readonly initiator: Handshake;
  readonly responder: Handshake;
  readonly keys: Readonly<Record<Role, KeyPair>>;
}

function makeSides({ seed = 1, prologues = [NOTHING, NOTHING] } = {}): Sides {
  const random = new Random(seed);
  const keys = { initiator: new KeyPair(random.bytes(32)), responder: new KeyPair(random.bytes(32)) };
  const make = (role: Role, prologue: Uint8Array): Handshake => {
    return new Handshake({ role, prologue, staticKey: keys[role], ephemeralKey: random.bytes(32) });
  };
  return { initiator: make("initiator", prologues[0]!), responder: make("responder", prologues[1]!), keys };
}

/** The reader and the writer of each message. */
function* turns({ initiator, responder }: Sides): Generator<{ writer: Handshake; reader: Handshake }> {
  yield { writer: initiator, reader: responder };
  yield { writer: responder, reader: initiator };
  yield { writer: initiator, reader: responder };
}

for (const vector of NOISE_VECTORS) {
  Deno.test(`Handshake writes the messages of the published vector from ${vector.from}`, () => {
    const make = (role: Role, hex: { prologue: string; static: string; ephemeral: string }): Handshake => {
      const staticKey = new KeyPair(fromHex(hex.static));
      return new Handshake({ role, prologue: fromHex(hex.prologue), staticKey, ephemeralKey: fromHex(hex.ephemeral) });
    };
    const initiator = make("initiator", {
      prologue: vector.init_prologue,
      static: vector.init_static,
      ephemeral: vector.init_ephemeral,
    });
    const responder = make("responder", {
      prologue: vector.resp_prologue,
      static: vector.resp_static,
      ephemeral: vector.resp_ephemeral,
    });
    const messages = vector.messages.map(({ ciphertext, payload }) => [fromHex(payload), ciphertext] as const);
    const sides = [[initiator, responder], [responder, initiator], [initiator, responder]] as const;
    sides.forEach(([writer, reader], index) => {
      const [payload, ciphertext] = messages[index]!;
      const message = writer.writeMessage(payload)!;
      assert.equal(message.toHex(), ciphertext);
      assert.deepEqual(reader.readMessage(message), payload);
    });
    if (vector.handshake_hash !== undefined) assert.equal(initiator.handshakeHash.toHex(), vector.handshake_hash);
    assert.deepEqual(responder.handshakeHash, initiator.handshakeHash);
    // The messages after the handshake alternate between the two keys, each with nonces from 0 on.
    const keys = [responder.split().send, initiator.split().send];
    messages.slice(3).forEach(([payload, ciphertext], index) => {
      const buffer = new Uint8Array(payload.length + AEAD_TAG_BYTES);
      buffer.set(payload);
      new ChaCha20Poly1305(keys[index % 2]!).seal(buffer, 0, 0, payload.length, Math.floor(index / 2));
      assert.equal(buffer.toHex(), ciphertext);
    });
  });
}

Deno.test("Handshake gives both sides the same hash, each other's static key, and matching keys", () => {
  const sides = makeSides();
  for (const { reader, writer } of turns(sides)) {
    assert.equal(writer.isComplete, false);
    assert.deepEqual(reader.readMessage(writer.writeMessage(Uint8Array.of(1, 2))!), Uint8Array.of(1, 2));
  }
  const { initiator, keys, responder } = sides;
  assert.equal(initiator.isComplete && responder.isComplete, true);
  assert.deepEqual(initiator.remoteStatic, keys.responder.publicKey);
  assert.deepEqual(responder.remoteStatic, keys.initiator.publicKey);
  assert.deepEqual(initiator.handshakeHash, responder.handshakeHash);
  const [mine, theirs] = [initiator.split(), responder.split()];
  assert.deepEqual(mine, { send: theirs.receive, receive: theirs.send });
  assert.notDeepEqual(mine.send, mine.receive);
});

Deno.test("Handshake.readMessage refuses flipped bits and truncation, and still accepts the genuine message after that", () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(2), fc.nat(), fc.boolean(), (seed, victim, where, isCut) => {
      const sides = makeSides({ seed });
      let index = 0;
      for (const { reader, writer } of turns(sides)) {
        const message = writer.writeMessage(Uint8Array.of(5, 6, 7))!;
        // Message 1 is not encrypted: any key and payload are read, and a change makes message 2 fail.
        if (index === victim && index > 0) {
          const forged = isCut ? message.slice(0, where % message.length) : message.slice();
          if (!isCut) forged[(where >> 3) % forged.length]! ^= 1 << (where & 7);
          const hash = reader.handshakeHash;
          // X25519 ignores the top bit of a public key, but the transcript hash covers it.
          assert.equal(reader.readMessage(forged), undefined);
          assert.deepEqual(reader.handshakeHash, hash);
        }
        assert.deepEqual(reader.readMessage(message), Uint8Array.of(5, 6, 7));
        index++;
      }
      assert.deepEqual(sides.initiator.handshakeHash, sides.responder.handshakeHash);
    }),
    { numRuns: 200 },
  );
});

Deno.test("Handshake fails at message 2 if message 1 was changed or the prologues differ", () => {
  const changed = makeSides();
  const first = changed.initiator.writeMessage(NOTHING)!;
  first[3]! ^= 1;
  changed.responder.readMessage(first);
  assert.equal(changed.initiator.readMessage(changed.responder.writeMessage(NOTHING)!), undefined);
  const other = makeSides({ prologues: [Uint8Array.of(1), Uint8Array.of(2)] });
  other.responder.readMessage(other.initiator.writeMessage(NOTHING)!);
  assert.equal(other.initiator.readMessage(other.responder.writeMessage(NOTHING)!), undefined);
});

Deno.test("Handshake.readMessage refuses a message 1 that is too short, and a message 2 with a key of low order", () => {
  const { responder } = makeSides();
  assert.equal(responder.readMessage(new Uint8Array(31)), undefined);
  const { initiator } = makeSides();
  initiator.writeMessage(NOTHING)!;
  assert.equal(initiator.readMessage(new Uint8Array(200)), undefined, "an ephemeral key of zeros");
  assert.notEqual(responder.readMessage(new Uint8Array(32)), undefined, "message 1 computes no secret, so it is read");
  assert.equal(responder.writeMessage(NOTHING), undefined);
});

Deno.test("Handshake.restore continues as the responder that was saved, and fails if the state was changed", () => {
  const sides = makeSides();
  const { initiator, keys, responder } = sides;
  responder.readMessage(initiator.writeMessage(NOTHING)!);
  initiator.readMessage(responder.writeMessage(NOTHING)!);
  const saved = responder.save();
  const message = initiator.writeMessage(Uint8Array.of(9))!;
  const restored = Handshake.restore(saved, { staticKey: keys.responder });
  assert.deepEqual(restored.readMessage(message), Uint8Array.of(9));
  assert.deepEqual(restored.split().send, initiator.split().receive);
  assert.deepEqual(restored.remoteStatic, keys.initiator.publicKey);
  saved[5]! ^= 1;
  const broken = Handshake.restore(saved, { staticKey: keys.responder });
  broken.readMessage(message);
  assert.equal(broken.isComplete && broken.split().send.toHex() === initiator.split().receive.toHex(), false);
});

Deno.test("Handshake throws InvariantError if it is used out of turn", () => {
  const { initiator, responder } = makeSides();
  assert.throws(() => responder.writeMessage(NOTHING)!, InvariantError);
  assert.throws(() => initiator.readMessage(NOTHING), InvariantError);
  assert.throws(() => initiator.split(), InvariantError);
  assert.throws(() => responder.save(), InvariantError);
  assert.throws(() => Handshake.restore(NOTHING, { staticKey: new KeyPair(new Uint8Array(32)) }), InvariantError);
});
