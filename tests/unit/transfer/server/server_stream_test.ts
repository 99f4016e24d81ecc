import assert from "node:assert/strict";
import { Random } from "../../../../base/random.ts";
import type { Stream } from "../../../../protocol/mod.ts";
import { digest, join, put, Scene, sha256 } from "../../../../testing/server_scene.ts";
import { BackgroundWork, STEP_BYTES } from "../../../../transfer/background_work.ts";
import { ApplicationErrorCode } from "../../../../transfer/application_error.ts";
import { encodeMessage, encodeMessages } from "../../../../transfer/message_encoder.ts";
import { MAX_PLAIN_CHUNK_BYTES, type Message, RefusalReason, ResultStatus } from "../../../../transfer/messages.ts";

const SMALL = new Random(1).bytes(300);
const LARGE = new Random(2).bytes(1_000_000);

function whole(name: string, bytes: Uint8Array): Uint8Array {
  return join(put(name, bytes), digest(bytes));
}

/** A file in one CHUNK, as a client sends small ones. */
function chunked(name: string, content: Uint8Array): Uint8Array {
  return encodeMessages([
    { type: "put", name, sizeBytes: content.length, overwrite: false },
    { type: "chunk", offset: 0, content },
    { type: "digest", sha256: sha256(content) },
  ]);
}

function stat(name: string): Uint8Array {
  return encodeMessage({ type: "stat", name });
}

/** What a test sees of an answer. */
function briefly(answer: Message): string {
  switch (answer.type) {
    case "refused":
      return `refused ${answer.reason}`;
    case "entry":
      return `entry ${answer.name}`;
    case "result":
      return answer.status === ResultStatus.verified ? `result ${answer.savedName}` : "result bad";
    case "chunk":
      return `chunk ${answer.content.length}`;
    default:
      return answer.type;
  }
}

function brieflyOn(scene: Scene, { id }: Stream): string[] {
  return scene.answersOn(id).answers.map(briefly);
}

function shuffled<Item>(items: readonly Item[], random: Random): Item[] {
  return items.map((item) => ({ item, at: random.float() })).sort((a, b) => a.at - b.at).map(({ item }) => item);
}

/** A disk that completes calls when a test says so. */
class Calls {
  readonly waiting: (() => void)[] = [];
  readonly wait = (run: () => void): void => void this.waiting.push(run);
  /** Completes those that wait, in any order. */
  complete(scene: Scene, order: (calls: (() => void)[]) => (() => void)[] = (calls) => calls): void {
    for (const run of order(this.waiting.splice(0))) run();
    scene.pair.serve(scene.pair.server);
    scene.pair.run(200_000);
  }
}

Deno.test("ServerStream carries out short requests one after the other, and answers in their order", () => {
  const scene = new Scene();
  scene.store.put("there", SMALL, { modifiedUs: 3 });
  const { stream, answers } = scene.ask(join(
    chunked("one", SMALL),
    whole("two", new Uint8Array(0)),
    whole("three", LARGE),
    encodeMessage({ type: "get", name: "there", inline: true }),
    encodeMessage({ type: "make", name: "folder", kind: "folder", sizeBytes: 0 }),
    encodeMessage({ type: "move", name: "one", newName: "folder/uno" }),
    stat("folder/uno"),
    stat("one"),
    encodeMessage({ type: "remove", name: "folder", recursive: true }),
    stat("folder"),
    encodeMessage({ type: "space" }),
  ));
  assert.deepEqual(answers.map(briefly), [
    "result one",
    "result two",
    "result three",
    "file",
    "chunk 300",
    "digest",
    "done",
    "done",
    "entry folder/uno",
    `refused ${RefusalReason.notFound}`,
    "done",
    `refused ${RefusalReason.notFound}`,
    "capacity",
  ]);
  const [, , , file, chunk, end] = answers;
  assert.deepEqual(file, { type: "file", sizeBytes: 300, modifiedUs: 3 });
  assert(chunk?.type === "chunk" && end?.type === "digest");
  assert.deepEqual([chunk.content, end.sha256], [SMALL, sha256(SMALL)]);
  assert.deepEqual(scene.store.contents("three"), LARGE);
  assert.equal(scene.pair.client.connection.openStreamCount, 0);
  assert.equal(scene.pair.server.connection.openStreamCount, 0);
  assert.equal(stream.isReset, false);
  scene.assertClean();
});

Deno.test("ServerStream answers each request when it has been made, and the stream stays open until it ends", () => {
  const scene = new Scene();
  const { stream } = scene.ask(stat("a"), { finish: false });
  for (let i = 1; i < 4; i++) {
    assert.equal(brieflyOn(scene, stream).length, i);
    assert.equal(scene.session!.activeCount, 1);
    stream.write(chunked(`${i}`, SMALL));
    scene.pair.serve(scene.pair.client);
    scene.pair.run(200_000);
  }
  stream.finish();
  scene.pair.serve(scene.pair.client);
  scene.pair.run(200_000);
  assert.equal(scene.pair.client.connection.openStreamCount, 0);
  scene.assertClean();
});

Deno.test("ServerStream answers in order whatever order the disk has", () => {
  for (let seed = 0; seed < 20; seed++) {
    const random = new Random(seed);
    const calls = new Calls();
    const commits = new Calls();
    const scene = new Scene({}, { lookUp: calls.wait, schedule: commits.wait });
    scene.store.put("there", SMALL);
    const requests: [Uint8Array, string[]][] = [];
    for (let i = 0; i < 30; i++) {
      const kind = random.integer(0, 3);
      if (kind === 0) requests.push([chunked(`new-${i}`, SMALL), [`result new-${i}`]]);
      else if (kind === 1) requests.push([stat(`none-${i}`), [`refused ${RefusalReason.notFound}`]]);
      else if (kind === 2) requests.push([stat("there"), ["entry there"]]);
      else {
        const get = encodeMessage({ type: "get", name: "there", inline: true });
        requests.push([get, ["file", "chunk 300", "digest"]]);
      }
    }
    const stream = scene.pair.send(join(...requests.map(([bytes]) => bytes)));
    scene.pair.run(200_000);
    for (let round = 0; round < 100; round++) {
      calls.complete(scene, (waiting) => shuffled(waiting, random));
      commits.complete(scene, (waiting) => shuffled(waiting, random));
    }
    assert.deepEqual(brieflyOn(scene, stream), requests.flatMap(([, expected]) => expected), `seed ${seed}`);
    scene.assertClean();
  }
});

Deno.test("ServerStream begins a change when those before it have ended, and what follows when it has", () => {
  const changes: Message[] = [
    { type: "make", name: "made", kind: "folder", sizeBytes: 0 },
    { type: "remove", name: "old" },
    { type: "move", name: "old", newName: "new" },
  ];
  for (const change of changes) {
    const calls = new Calls();
    const commits = new Calls();
    const scene = new Scene({}, { lookUp: calls.wait, schedule: commits.wait });
    scene.store.put("old", SMALL);
    const stream = scene.pair.send(join(chunked("first", SMALL), stat("first"), encodeMessage(change), stat("last")));
    scene.pair.run(200_000);
    assert.equal(calls.waiting.length, 2, "the put and the stat");
    calls.complete(scene);
    assert.deepEqual([calls.waiting.length, commits.waiting.length], [0, 1], "the commit has not ended");
    commits.complete(scene);
    assert.equal(calls.waiting.length, 1, change.type);
    calls.complete(scene);
    assert.equal(calls.waiting.length, 1, "the last one follows");
    calls.complete(scene);
    assert.deepEqual(brieflyOn(scene, stream), [
      "result first",
      `refused ${RefusalReason.notFound}`,
      "done",
      `refused ${RefusalReason.notFound}`,
    ]);
    scene.assertClean();
  }
});

Deno.test("ServerStream works on a bounded number of requests, and flow control holds the rest", () => {
  const calls = new Calls();
  const scene = new Scene({}, { schedule: calls.wait });
  const count = 1_000;
  const files = Array.from({ length: count }, (_, i) => chunked(`file-${i}`, LARGE.subarray(i, i + 10_000)));
  const stream = scene.pair.send(join(...files));
  scene.pair.run(2_000_000);
  assert.equal(scene.limits.countOf("transfer"), 64);
  assert(scene.pair.server.connection.bufferedBytes <= 256 * 1024);
  while (calls.waiting.length > 0) calls.complete(scene);
  assert.deepEqual(brieflyOn(scene, stream), files.map((_, i) => `result file-${i}`));
  assert.deepEqual(scene.store.contents("file-999"), LARGE.slice(999, 10_999));
  scene.assertClean();
});

Deno.test("ServerStream keeps little for a client that never reads its answers, and goes on when it does", () => {
  const scene = new Scene();
  scene.store.put("x".repeat(200), SMALL);
  const count = 30_000;
  const { client, server } = scene.pair;
  client.reads = false;
  const stream = scene.pair.send(join(...Array.from({ length: count }, () => stat("x".repeat(200)))));
  scene.pair.run(5_000_000);
  assert(server.connection.streamMemoryBytes < 2_000_000, `${server.connection.streamMemoryBytes}`);
  const answered = scene.events.length;
  assert(answered < 5_000, `${answered}`);
  client.reads = true;
  for (let i = 0; i < 200 && scene.events.length < count; i++) {
    // What arrived meanwhile has no further event.

    const bytes = stream.peek().slice();
    client.received.set(stream.id, [...(client.received.get(stream.id) ?? []), bytes]);
    stream.consume(bytes.length);
    scene.pair.serve(client);
    scene.pair.run(500_000);
  }
  assert.equal(scene.events.length, count);
  scene.assertClean();
});

Deno.test("ServerStream goes on after a small file that is refused, whose content it drops", () => {
  const scene = new Scene();
  scene.store.put("taken", SMALL);
  const { answers } = scene.ask(join(chunked("taken", SMALL), whole("../up", SMALL), chunked("new", SMALL)));
  assert.deepEqual(answers.map(briefly), [
    `refused ${RefusalReason.exists}`,
    `refused ${RefusalReason.badName}`,
    "result new",
  ]);
  scene.assertClean();
});

Deno.test("ServerStream ends with a large file that is refused before it was read", () => {
  for (const sizeBytes of [LARGE.length, 0]) {
    const scene = new Scene();
    scene.store.put("taken", SMALL);
    const unsized = sizeBytes === 0;
    const request = encodeMessage({ type: "put", name: "taken", sizeBytes, overwrite: false, unsized });
    const content = encodeMessage({ type: "chunk", offset: 0, content: SMALL });
    const { stream, answers } = scene.ask(join(chunked("new", SMALL), request, content), { finish: false });
    assert.deepEqual(answers.map(briefly), ["result new", `refused ${RefusalReason.exists}`]);
    const [stopped] = scene.pair.client.heard("stream-stopped");
    assert.equal(stopped?.code, ApplicationErrorCode.refused);
    stream.reset(ApplicationErrorCode.cancelled);
    scene.pair.serve(scene.pair.client);
    scene.pair.run(200_000);
    assert.equal(scene.pair.server.connection.openStreamCount, 0);
    scene.assertClean();
  }
});

Deno.test("ServerStream refuses what cannot follow another request, and answers those before it", () => {
  const resumable: Message = { type: "put", name: "b", sizeBytes: 5, overwrite: false, resumable: true };
  const bad = [
    encodeMessage({ type: "list" }),
    encodeMessage({ type: "get", name: "a" }),
    encodeMessage(resumable),
    encodeMessage({ type: "end", count: 0 }),
    new Uint8Array([0x3f, 0]),
    stat("long name").subarray(0, 5),
  ];
  for (const bytes of bad) {
    const scene = new Scene();
    const { answers } = scene.ask(join(chunked("a", SMALL), stat("a"), bytes));
    assert.deepEqual(answers.map(briefly), ["result a", "entry a", `refused ${RefusalReason.badRequest}`]);
    scene.assertClean();
  }
});

Deno.test("ServerStream gives up a stream whose content breaks the rules", () => {
  const request: Message = { type: "put", name: "bad", sizeBytes: 300, overwrite: false };
  const chunk: Message = { type: "chunk", offset: 0, content: SMALL };
  const contents: Message[][] = [
    [chunk, chunk, { type: "digest", sha256: sha256(SMALL) }],
    [{ type: "digest", sha256: sha256(SMALL) }],
    [chunk, { type: "stat", name: "a" }],
    [{ type: "data", ranges: [{ offset: 0, length: 1_000_000 }] }],
    [chunk],
  ];
  for (const messages of contents) {
    const scene = new Scene();
    scene.ask(join(chunked("good", SMALL), encodeMessages([request, ...messages]), stat("good")));
    const [reset] = scene.pair.client.heard("stream-reset");
    assert.equal(reset?.code, ApplicationErrorCode.badMessage, `${messages.map(({ type }) => type)}`);
    assert.equal(scene.store.contents("bad"), undefined);
    assert.deepEqual(scene.store.contents("good"), SMALL);
    scene.assertClean();
  }
});

Deno.test("ServerStream sends a large file in chunks, in order, and closes it when all has arrived", () => {
  const scene = new Scene();
  scene.store.put("large", LARGE);
  const get = encodeMessage({ type: "get", name: "large", inline: true });
  const { answers } = scene.ask(join(get, stat("large"), get));
  const messages = answers.map(briefly);
  const last = LARGE.length % MAX_PLAIN_CHUNK_BYTES;
  const chunks = Array.from({ length: 15 }, () => `chunk ${MAX_PLAIN_CHUNK_BYTES}`);
  const expected = ["file", ...chunks, `chunk ${last}`, "digest"];
  assert.deepEqual(messages, [...expected, "entry large", ...expected]);
  const got = join(...answers.slice(0, 17).flatMap((answer) => answer.type === "chunk" ? [answer.content] : []));
  assert.deepEqual(got, LARGE);
  assert.deepEqual(scene.events.filter(({ kind }) => kind === "sent").length, 2);
  scene.assertClean();
});

Deno.test("ServerStream sends what it reads of a large file, whatever packets are lost", () => {
  const scene = new Scene();
  scene.store.put("large", LARGE);
  const random = new Random(5);
  scene.pair.server.wire.rule = () => random.chance(0.1) ? [] : undefined;
  const stream = scene.pair.send(encodeMessage({ type: "get", name: "large", inline: true }));
  scene.pair.run(30_000_000);
  const { answers } = scene.answersOn(stream.id);
  assert.deepEqual(join(...answers.flatMap((answer) => answer.type === "chunk" ? [answer.content] : [])), LARGE);
  assert.deepEqual(answers.at(-1), { type: "digest", sha256: sha256(LARGE) });
  scene.assertClean();
});

Deno.test("ServerStream gives up where a large file cannot be read any more, and refuses a small one", () => {
  const scene = new Scene();
  scene.store.put("large", LARGE);
  const stream = scene.pair.send(encodeMessage({ type: "get", name: "large", inline: true }));
  assert(scene.pair.runUntil(() => scene.events.some(({ kind }) => kind === "sending"), { withinUs: 500_000 }));
  scene.store.put("large", SMALL);
  scene.pair.run(2_000_000);
  const [reset] = scene.pair.client.heard("stream-reset");
  assert.equal(reset?.code, ApplicationErrorCode.fileChanged);
  assert.equal(reset.stream, stream);
  assert.equal(scene.events.at(-1)?.kind, "failed");
  scene.assertClean();
});

Deno.test("ServerStream hashes a file in steps, between which others are served", () => {
  const work = new BackgroundWork(() => {});
  const scene = new Scene({}, { work: { work, doWork: () => {} } });
  const content = new Random(3).bytes(5_000_000);
  scene.store.put("large", content);
  scene.store.put("empty", new Uint8Array(0));
  const digestOf = (name: string) => encodeMessage({ type: "stat", name, digest: true });
  const make = encodeMessage({ type: "make", name: "folder", kind: "folder", sizeBytes: 0 });
  const stream = scene.pair.send(join(make, digestOf("large"), digestOf("empty"), digestOf("folder"), digestOf("no")));
  scene.pair.run(100_000);
  work.step();
  const other = scene.pair.send(stat("empty"));
  scene.pair.run(100_000);
  assert.deepEqual([brieflyOn(scene, other), brieflyOn(scene, stream)], [["entry empty"], ["done"]]);
  const steps = Math.ceil(content.length / STEP_BYTES);
  for (let i = 0; i < steps + 2; i++) work.step();
  scene.pair.serve(scene.pair.server);
  scene.pair.run(100_000);
  assert.deepEqual(brieflyOn(scene, stream), [
    "done",
    "entry large",
    "digest",
    "entry empty",
    "digest",
    "entry folder",
    `refused ${RefusalReason.notFound}`,
  ]);
  assert.deepEqual(scene.answersOn(stream.id).answers[2], { type: "digest", sha256: sha256(content) });
  scene.assertClean();
});

Deno.test("ServerStream stops hashing when its request ends", () => {
  const work = new BackgroundWork(() => {});
  const scene = new Scene({}, { work: { work, doWork: () => {} } });
  scene.store.put("large", LARGE, { sizeBytes: 10 ** 12 });
  const { stream } = scene.ask(encodeMessage({ type: "stat", name: "large", digest: true }), { finish: false });
  work.step();
  assert.equal(scene.store.openHandles, 1);
  stream.reset(ApplicationErrorCode.cancelled);
  scene.pair.serve(scene.pair.client);
  scene.pair.run(100_000);
  scene.assertClean();
  work.step();
});

Deno.test("ServerStream holds back requests beyond the server's limit instead of refusing them", () => {
  const calls = new Calls();
  const scene = new Scene({ maxTransfers: 3 }, { schedule: calls.wait });
  const files = Array.from({ length: 50 }, (_, i) => chunked(`file-${i}`, SMALL));
  const stream = scene.pair.send(join(...files));
  scene.pair.run(200_000);
  assert.equal(scene.limits.countOf("transfer"), 3);
  // One stream has them all: another is told that the server is busy.
  const other = scene.pair.send(chunked("other", SMALL));
  scene.pair.run(200_000);
  assert.deepEqual(brieflyOn(scene, other), [`refused ${RefusalReason.busy}`]);
  while (calls.waiting.length > 0) calls.complete(scene);
  assert.deepEqual(brieflyOn(scene, stream), files.map((_, i) => `result file-${i}`));
  scene.assertClean();
});

Deno.test("ServerStream ends an idle stream when the server drains, and one in use after its answers", () => {
  const calls = new Calls();
  const scene = new Scene({}, { schedule: calls.wait });
  const { stream: idle } = scene.ask(stat("a"), { finish: false });
  const { stream: used } = scene.ask(chunked("new", SMALL), { finish: false });
  scene.session!.drain();
  used.write(stat("new"));
  scene.pair.serve(scene.pair.server);
  scene.pair.serve(scene.pair.client);
  scene.pair.run(200_000);
  calls.complete(scene);
  assert.deepEqual(brieflyOn(scene, idle), [`refused ${RefusalReason.notFound}`]);
  assert.deepEqual(brieflyOn(scene, used), ["result new", `refused ${RefusalReason.shuttingDown}`]);
  for (const stream of [idle, used]) stream.finish();
  scene.pair.serve(scene.pair.client);
  scene.pair.run(200_000);
  scene.assertClean();
});

Deno.test("ServerStream releases everything when the client resets the stream, or the connection ends", () => {
  for (const how of ["reset", "stop", "close"]) {
    for (const completes of ["first", "last"]) {
      const calls = new Calls();
      const commits = new Calls();
      const scene = new Scene({}, { lookUp: calls.wait, schedule: commits.wait });
      scene.store.put("large", LARGE);
      const requests = join(
        encodeMessage({ type: "get", name: "large", inline: true }),
        chunked("new", SMALL),
        encodeMessage({ type: "stat", name: "large", digest: true }),
        put("large-too", LARGE.subarray(0, 200_000), { sizeBytes: 300_000 }),
      );
      const stream = scene.pair.send(requests, { finish: false });
      scene.pair.run(100_000);
      if (completes === "first") calls.complete(scene);
      if (how === "reset") stream.reset(ApplicationErrorCode.cancelled);
      else if (how === "stop") stream.stopReading(ApplicationErrorCode.cancelled);
      else scene.pair.client.connection.close(scene.pair.nowUs, 0, "");
      scene.pair.serve(scene.pair.client);
      scene.pair.run(200_000);
      for (let i = 0; i < 5; i++) {
        calls.complete(scene);
        commits.complete(scene);
      }
      assert.equal(scene.store.contents("large-too"), undefined);
      scene.assertClean();
    }
  }
});

Deno.test("ServerStream gives up requests of a client that does not go on", () => {
  for (const begun of [stat("a"), put("small", SMALL).subarray(0, 50), put("large", LARGE).subarray(0, 100_000)]) {
    const scene = new Scene({ stallTimeoutUs: 10_000_000 });
    const { stream } = scene.ask(join(chunked("first", SMALL), begun), { finish: false });
    for (let i = 0; i < 20; i++) {
      // The connection lives on.
      scene.pair.send(stat("b"));
      scene.runWaking(1_000_000);
    }
    const reset = scene.pair.client.heard("stream-reset").find((event) => event.stream === stream);
    assert.equal(reset?.code, ApplicationErrorCode.stalled);
    scene.assertClean();
  }
});

/** Asks for a large file, and reads none of it for ten minutes. */
function pauseReading(scene: Scene, requests: Uint8Array, options: { finish?: boolean } = {}): Stream {
  scene.pair.client.reads = false;
  const { stream } = scene.ask(requests, options);
  scene.runWaking(600_000_000);
  const { client } = scene.pair;
  client.reads = true;
  client.received.set(stream.id, [stream.peek().slice()]);
  stream.consume(stream.readableBytes);
  scene.pair.serve(client);
  return stream;
}

Deno.test("ServerStream lets a client pause a file that it reads in order, which counts as a pipe", () => {
  const scene = new Scene({ stallTimeoutUs: 10_000_000, maxPipes: 1, maxTransfers: 1 });
  scene.store.put("large", LARGE);
  const stream = pauseReading(scene, encodeMessage({ type: "get", name: "large", inline: true }));
  assert.deepEqual([scene.limits.countOf("pipe"), scene.limits.countOf("transfer")], [1, 0]);
  // The pipe in which the file goes does not count as stalled, but other transfers still do.
  const upload = scene.pair.send(put("file", LARGE.subarray(0, 1_000), { sizeBytes: 2_000 }), { finish: false });
  scene.runWaking(30_000_000);
  const resets = scene.pair.client.heard("stream-reset").map((event) => event.stream);
  assert.deepEqual(resets, [upload]);
  const { answers } = scene.answersOn(stream.id);
  const content = join(...answers.flatMap((answer) => answer.type === "chunk" ? [answer.content] : []));
  assert.equal(sha256(content).toHex(), sha256(LARGE).toHex());
  scene.assertClean();
  assert.equal(scene.limits.countOf("pipe"), 0);
});

Deno.test("ServerStream gives up a paused file beyond the pipes, and one that other requests wait for", () => {
  const get = encodeMessage({ type: "get", name: "large", inline: true });
  const cases = [
    { maxPipes: 0, requests: get, finish: true },
    { maxPipes: 1, requests: join(get, stat("large")), finish: true },
    { maxPipes: 1, requests: get, finish: false },
  ];
  for (const { maxPipes, requests, finish } of cases) {
    const scene = new Scene({ stallTimeoutUs: 10_000_000, maxPipes });
    scene.store.put("large", LARGE);
    const stream = pauseReading(scene, requests, { finish });
    const reset = scene.pair.client.heard("stream-reset").find((event) => event.stream === stream);
    assert.equal(reset?.code, ApplicationErrorCode.stalled);
    scene.assertClean();
  }
});
