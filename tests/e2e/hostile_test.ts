// What attackers and liars may send to a server: garbage, damaged and repeated datagrams, floods, and requests that
// mean harm. None of it makes a connection, a file or much of an answer, and meanwhile others are served.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import path from "node:path";
import type { Server, ServerEvent } from "../../app/server/api.ts";
import { describeEvent } from "../../cli/server_log.ts";
import { connect } from "../../mod.ts";
import { startServer } from "../../mod.ts";
import { Random } from "../../base/random.ts";
import { Writer } from "../../base/bytes.ts";
import { VERSION, writeHello } from "../../protocol/wire/packet.ts";
import { RefusalReason, ResultStatus } from "../../transfer/messages.ts";
import { wholeContent } from "../../transfer/file_sender.ts";
import { encodeMessage, encodeMessages } from "../../transfer/message_encoder.ts";
import { assertSameFile, namesIn, writeRandomFile } from "../../testing/programs/files.ts";
import { inTime } from "../../testing/programs/programs.ts";
import { type Answer, RawClient } from "../../testing/programs/raw_client.ts";
import { Relay, Socket } from "../../testing/programs/relay.ts";

/** The server's private key: the same after a restart. */
const IDENTITY = new Uint8Array(32).fill(8);

/** A server in this process, and all that it reports. */
class Target implements AsyncDisposable {
  readonly events: ServerEvent[] = [];
  #server!: Server;

  private constructor(readonly folder: string) {}

  static async open(): Promise<Target> {
    const target = new Target(await Deno.makeTempDir({ prefix: "sluice-e2e-" }));
    await target.restart(0);
    return target;
  }

  get port(): number {
    return this.#server.port;
  }

  get root(): string {
    return path.join(this.folder, "storage");
  }

  /** Starts the server, after it was stopped; a port that it had before is free again a moment after that. */
  async restart(port: number): Promise<void> {
    const onEvent = (event: ServerEvent) => void this.events.push(event);
    for (let attempt = 1;; attempt++) {
      try {
        this.#server = await startServer({
          host: "127.0.0.1",
          port,
          root: this.root,
          onEvent,
          identity: IDENTITY,
        });
        return;
      } catch (error) {
        if (attempt === 100) throw error;
        await breathe();
      }
    }
  }

  async stop(): Promise<void> {
    await this.#server.stop({ graceMs: 0 });
  }

  /** How many events of this kind there were. */
  count(kind: ServerEvent["kind"]): number {
    return this.events.filter((event) => event.kind === kind).length;
  }

  /** Waits for so many events of this kind: a client is done before the server has heard that. */
  async heard(kind: ServerEvent["kind"], count: number): Promise<void> {
    const wait = async () => {
      while (this.count(kind) < count) await breathe();
    };
    await inTime(wait(), () => `${count} times "${kind}", so far ${this.count(kind)}`);
  }

  /**
   * Sends a file up and down as an honest client. When it is done, the server has also handled what arrived before
   * the last of it.
   */
  async serveHonestClient(name: string, sizeBytes = 500_000): Promise<void> {
    const client = await connect({ host: "127.0.0.1", port: this.port });
    try {
      const source = await writeRandomFile(path.join(this.folder, name), sizeBytes);
      const copy = path.join(this.folder, `${name}.copy`);
      await inTime(client.send(source), () => `${name} to be sent`);
      await inTime(client.get(name, { output: copy }), () => `${name} to be got`);
      await assertSameFile(copy, source);
    } finally {
      await client.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** First bytes that a server takes a closer look at. */
const FIRST_BYTES = [0x40, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4];

/** A datagram of noise; every other one begins as a packet does, also with the right version. */
function garbage(random: Random, sizeBytes: number): Uint8Array {
  const datagram = Uint8Array.from({ length: sizeBytes }, () => random.integer(0, 255));
  if (sizeBytes === 0 || random.chance(0.5)) return datagram;
  datagram[0] = FIRST_BYTES[random.integer(0, FIRST_BYTES.length - 1)]!;
  if (sizeBytes >= 5 && random.chance(0.8)) new DataView(datagram.buffer).setUint32(1, VERSION);
  return datagram;
}

/** Lets the server's socket, which shares this thread, be emptied: its buffer holds three of the largest datagrams. */
function breathe(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("server makes nothing of garbage of any size, and serves others meanwhile", async () => {
  await using target = await Target.open();
  using attacker = new Socket();
  const random = new Random(1);
  let sentBytes = 0;
  const attack = async () => {
    for (let round = 0; round < 1600; round++) {
      const sizeBytes = round < 1500 ? round : random.integer(1500, 65_507);
      const datagram = garbage(random, sizeBytes);
      sentBytes += datagram.length;
      await attacker.send(datagram, target.port);
      if (round % 10 === 0) await breathe();
    }
  };
  await Promise.all([attack(), target.serveHonestClient("honest.bin")]);
  await target.serveHonestClient("after.bin");
  assert.equal(target.count("connected"), 2);
  assert.deepEqual(await namesIn(target.root), ["after.bin", "honest.bin"]);
  assert.ok(attacker.receivedBytes <= 3 * sentBytes);
  // All that garbage can earn is to be told of the version.
  assert.ok(attacker.largestBytes < 100, `an answer of ${attacker.largestBytes} bytes`);
});

/** A copy with a few bits flipped, at least one. */
function damage(random: Random, datagram: Uint8Array): Uint8Array {
  const damaged = datagram.slice();
  for (let flips = random.integer(1, 4); flips > 0; flips--) {
    damaged[random.integer(0, damaged.length - 1)]! ^= 1 << random.integer(0, 7);
  }
  return Buffer.compare(damaged, datagram) === 0 ? damage(random, datagram) : damaged;
}

/** A datagram is old when so many were sent after it: some of them have arrived, whatever was lost. */
const OLD_COUNT = 40;

Deno.test("client and server are not moved by damaged, cut and repeated datagrams of their own", async () => {
  await using target = await Target.open();
  using attacker = new Socket();
  const random = new Random(2);
  const earlier: Uint8Array[] = [];
  const impair = (sendNow: (datagram: Uint8Array) => Promise<void>) => async (datagram: Uint8Array) => {
    const send = (impaired: Uint8Array) => sendNow(impaired).then(breathe);
    // The impaired ones come first, so that nothing can be dropped for being a duplicate.
    await send(damage(random, datagram));
    await send(datagram.slice(0, random.integer(0, datagram.length - 1)));
    if (earlier.length > 0) await send(earlier[random.integer(0, earlier.length - 1)]!);
  };
  using relay = new Relay(target.port, {
    toServer: async (datagram, self) => {
      await impair((impaired) => self.toServer(impaired))(datagram);
      // From elsewhere too: damaged ones, and old ones. A new one that arrives from elsewhere first would be a client
      // that has moved.
      await attacker.send(damage(random, datagram), target.port);
      const old = earlier.length - OLD_COUNT;
      if (old > 0) await attacker.send(earlier[random.integer(0, old - 1)]!, target.port);
      await breathe();
      earlier.push(datagram);
    },
    toClient: (datagram, self) => impair((impaired) => self.toClient(impaired))(datagram),
  });
  const source = await writeRandomFile(path.join(target.folder, "a.bin"), 8_000_000);
  const copy = path.join(target.folder, "copy.bin");
  const client = await connect({ host: "127.0.0.1", port: relay.port });
  try {
    const [sent] = await Promise.all([
      inTime(client.send(source), () => "the upload"),
      target.serveHonestClient("other.bin"),
    ]);
    assert.equal(sent.sizeBytes, 8_000_000);
    await inTime(client.get("a.bin", { output: copy }), () => "the download");
  } finally {
    await client.close();
  }
  await assertSameFile(path.join(target.root, "a.bin"), source);
  await assertSameFile(copy, source);
  assert.ok(relay.recorded.length > 2 * OLD_COUNT);
  await target.heard("disconnected", 2);
  assert.deepEqual([target.count("connected"), target.count("received"), target.count("sent")], [2, 2, 2]);
  assert.equal(target.count("address-changed"), 0);
});

Deno.test("server takes a recorded connection that is played again for nothing", async () => {
  await using target = await Target.open();
  using attacker = new Socket();
  using relay = new Relay(target.port);
  const source = await writeRandomFile(path.join(target.folder, "a.bin"), 20_000);
  const client = await connect({ host: "127.0.0.1", port: relay.port });
  await client.send(source);
  await client.close();
  await target.serveHonestClient("first.bin");
  assert.equal(target.count("disconnected") >= 1, true);
  await Deno.remove(path.join(target.root, "a.bin"));
  const recorded = [...relay.recorded];
  const replay = async (send: (datagram: Uint8Array) => Promise<void>) => {
    for (const datagram of recorded) {
      await send(datagram);
      await breathe();
    }
  };
  const fromClient = (datagram: Uint8Array) => relay.toServer(datagram);
  const fromElsewhere = (datagram: Uint8Array) => attacker.send(datagram, target.port);

  await replay(fromClient);
  await replay(fromElsewhere);
  // Again when the server has left the connection behind (if it has not yet, nothing of this changes).
  await new Promise((resolve) => setTimeout(resolve, 500));
  await replay(fromClient);
  await replay(fromElsewhere);
  await target.serveHonestClient("second.bin");
  // And once more at a server that was started anew and knows none of it.
  const { port } = target;
  await target.stop();
  await target.restart(port);
  await replay(fromClient);
  await replay(fromElsewhere);
  await target.serveHonestClient("third.bin");

  assert.deepEqual([target.count("connected"), target.count("received")], [4, 4]);
  assert.deepEqual(await namesIn(target.root), ["first.bin", "second.bin", "third.bin"]);
  const elsewhereBytes = 3 * recorded.reduce((sum, datagram) => sum + datagram.length, 0);
  assert.ok(attacker.receivedBytes <= 3 * elsewhereBytes);
});

Deno.test("server answers a flood of Hellos from many ports with little, and serves others meanwhile", async () => {
  await using target = await Target.open();
  const attackers: Socket[] = [];
  try {
    for (let index = 0; index < 100; index++) attackers.push(new Socket());
    const sentBytes = new Map(attackers.map((attacker) => [attacker, 0]));
    const hello = new Uint8Array(1200);
    let sourceId = 1;
    const flood = async () => {
      for (let round = 0; round < 20; round++) {
        for (const attacker of attackers) {
          const handshake = new Uint8Array(32).fill(9);
          const length = writeHello(new Writer().reset(hello), { sourceId: sourceId++, handshake });
          await attacker.send(hello.slice(0, length), target.port);
          sentBytes.set(attacker, sentBytes.get(attacker)! + length);
          if (sourceId % 25 === 0) await breathe();
        }
      }
    };
    await Promise.all([flood(), target.serveHonestClient("honest.bin", 2_000_000)]);
    await target.serveHonestClient("after.bin");
    assert.equal(target.count("connected"), 2);
    for (const attacker of attackers) assert.ok(attacker.receivedBytes <= 3 * sentBytes.get(attacker)!);
    // It did answer: the flood has reached it.
    assert.ok(attackers.some((attacker) => attacker.receivedBytes > 0));
  } finally {
    for (const attacker of attackers) attacker[Symbol.dispose]();
  }
});

const NAMES = [
  "",
  ".",
  "..",
  "../evil",
  "/etc/evil",
  "a/../b",
  "a//b",
  "a/",
  "a/.sluice-x",
  "evil\0.bin",
  "\ufffd",
  ".SLUICE-x",
  ".slu\u200dice-x",
];

/** What moves a terminal's cursor, what a person takes for another file, and what only Windows does. */
const ODD_NAMES = ["\x1b[2Jevil", "evil\r\n", "\u009b2Jevil", "gpj.\u202eexe", "evil\u200b", "evil\u2028", "..\\evil"]
  .concat(["C:evil", "file::$DATA", "con", "nul .txt", "evil.", "evil ", "\\\\?\\C:"]);

/** An empty file's PUT and DIGEST; by default with the wrong SHA-256. */
function putEmpty(name: string, sha256 = new Uint8Array(32)): Uint8Array {
  const put = encodeMessage({ type: "put", name, sizeBytes: 0, overwrite: true });
  return join(put, encodeMessage({ type: "digest", sha256 }));
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function assertRefused(answer: Answer, what: string, expected: RefusalReason = RefusalReason.badRequest): void {
  assert.equal(answer.type === "refused" ? answer.reason : answer.type, expected, what);
}

Deno.test("server refuses every name that leads out of its folder, or to a partial file", async () => {
  await using target = await Target.open();
  using client = await RawClient.connect(target.port);
  for (const name of [...NAMES, ".sluice-00000000000000000000000000000000.part", "n".repeat(1000)]) {
    const get = encodeMessage({ type: "get", name });
    const stat = encodeMessage({ type: "stat", name });
    assertRefused(await client.say(putEmpty(name), { finish: true }), `put ${name}`, RefusalReason.badName);
    assertRefused(await client.say(get, { finish: false }), `get ${name}`, RefusalReason.badName);
    assertRefused(await client.say(stat, { finish: true }), `stat ${name}`, RefusalReason.badName);
  }
  await client.close();
  assert.deepEqual(await namesIn(target.root), []);
  assert.deepEqual(await namesIn(target.folder), ["storage"]);
});

Deno.test("server keeps an odd name in its folder, and its control characters out of its log", async () => {
  await using target = await Target.open();
  using client = await RawClient.connect(target.port);
  const sha256OfNothing = new Uint8Array(createHash("sha256").digest());
  for (const name of ODD_NAMES) {
    const answer = await client.say(putEmpty(name, sha256OfNothing), { finish: true });
    assert.equal(answer.type === "result" && answer.status, ResultStatus.verified, name);
  }
  await client.close();
  assert.deepEqual(await namesIn(target.root), ODD_NAMES.toSorted());
  assert.deepEqual(await namesIn(target.folder), ["storage"]);
  const log = target.events.map(describeEvent).join("\n");
  assert.match(log, /received "\\x1b\[2Jevil"/);
  // deno-lint-ignore no-control-regex -- that there are none is the point
  assert.doesNotMatch(log, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u2028\u202e]/);
});

Deno.test("server keeps nothing of requests that lie, break off or make no sense", async () => {
  await using target = await Target.open();
  using client = await RawClient.connect(target.port);
  const put = (name: string, sizeBytes: number) =>
    encodeMessages([{ type: "put", name, sizeBytes, overwrite: false }, ...wholeContent({ sizeBytes })]);
  const digest = encodeMessage({ type: "digest", sha256: new Uint8Array(32) });
  const bytes = new Uint8Array(1000);

  const mismatch = await client.say(join(put("mismatch", 1000), bytes, digest), { finish: true });
  assert.equal(mismatch.type === "result" ? mismatch.status : mismatch.type, 1);
  const short = await client.say(join(put("short", 2000), bytes), { finish: true });
  assert.equal(short.type, "reset");
  const noDigest = await client.say(join(put("no-digest", 1000), bytes, put("other", 0)), { finish: true });
  assert.equal(noDigest.type, "reset");
  assertRefused(await client.say(digest, { finish: true }), "a digest alone");
  assertRefused(await client.say(new Uint8Array(0), { finish: true }), "nothing");
  assertRefused(await client.say(Uint8Array.of(0x77, 0x01, 0x00), { finish: true }), "an unknown message");
  assertRefused(await client.say(Uint8Array.of(0x01, 0x80, 0xff, 0xff, 0xff), { finish: true }), "a huge message");
  assertRefused(await client.say(Uint8Array.of(0x01, 0x02, 0x40), { finish: true }), "half a message");
  const random = new Random(3);
  for (let round = 0; round < 50; round++) {
    const noise = Uint8Array.from({ length: random.integer(1, 300) }, () => random.integer(0, 255));
    const answer = await client.say(noise, { finish: true });
    assert.ok(answer.type === "refused" || answer.type === "end", `noise was answered with ${answer.type}`);
  }
  // Begun and left: 100 files of which something has arrived.
  for (let index = 0; index < 100; index++) {
    client.say(join(put(`left-${index}`, 2000), bytes), { finish: false }).catch(() => {});
  }
  await target.serveHonestClient("honest.bin");
  await client.close();
  await target.serveHonestClient("after.bin");
  await target.stop();
  assert.deepEqual(await namesIn(target.root), ["after.bin", "honest.bin"]);
  assert.equal(target.count("received"), 2);
});
