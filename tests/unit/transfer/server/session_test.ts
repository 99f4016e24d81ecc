import assert from "node:assert/strict";
import { Random } from "../../../../base/random.ts";
import { atOnce } from "../../../../testing/promised_store.ts";
import { digest, join, put, Scene, sha256 } from "../../../../testing/server_scene.ts";
import { StoreError, type StoreListing } from "../../../../transfer/file_store.ts";
import { type Message, RefusalReason, ResultStatus } from "../../../../transfer/messages.ts";
import { wholeContent } from "../../../../transfer/file_sender.ts";
import { encodeMessage } from "../../../../transfer/message_encoder.ts";
import { STEP_BYTES } from "../../../../transfer/background_work.ts";
import { ApplicationErrorCode } from "../../../../transfer/application_error.ts";
import { type Right } from "../../../../transfer/rights.ts";
import { LOST } from "../../../../testing/connection_pair.ts";

const CONTENT = new Random(1).bytes(50_000);

Deno.test("ServerSession accepts a put and answers with its own checksum", () => {
  const scene = new Scene();
  const { answers } = scene.ask(join(put("file", CONTENT), digest(CONTENT)));
  assert(answers[0]?.type === "result" && answers.length === 1);
  assert.equal(answers[0].status, ResultStatus.verified);
  assert.deepEqual(new Uint8Array(answers[0].sha256), sha256(CONTENT));
  assert.deepEqual(scene.store.contents("file"), CONTENT);
  assert.deepEqual(scene.events.map(({ kind }) => kind), ["receiving", "received"]);
  assert.equal(scene.pair.client.connection.openStreamCount, 0);
  assert.equal(scene.pair.server.connection.openStreamCount, 0);
  scene.assertClean();
});

Deno.test("ServerSession discards a put with a different checksum, and reports that", () => {
  const scene = new Scene();
  const { answers } = scene.ask(join(put("file", CONTENT), digest(new Uint8Array(1))));
  assert(answers[0]?.type === "result");
  assert.equal(answers[0].status, ResultStatus.checksumMismatch);
  assert.equal(scene.store.contents("file"), undefined);
  scene.assertClean();
});

Deno.test("ServerSession discards a put that ends early, or without its checksum", () => {
  const whole = join(put("file", CONTENT), digest(CONTENT));
  for (const length of [30, 1000, CONTENT.length, whole.length - 34, whole.length - 1]) {
    const scene = new Scene();
    scene.ask(whole.subarray(0, length));
    assert.equal(scene.store.contents("file"), undefined, `${length} bytes`);
    assert.deepEqual(scene.events.at(-1)?.kind === "failed" || scene.events.at(-1)?.kind === "refused", true);
    scene.assertClean();
  }
});

Deno.test("ServerSession discards a put that the client resets", () => {
  const scene = new Scene();
  const { stream } = scene.ask(put("file", CONTENT, { sizeBytes: 100_000 }), { finish: false });
  assert.equal(scene.store.partialFiles, 1);
  stream.reset(1);
  scene.pair.serve(scene.pair.client);
  scene.pair.run(500_000);
  assert.equal(scene.events.at(-1)?.kind, "failed");
  scene.assertClean();
});

Deno.test("ServerSession releases everything when the connection ends", () => {
  const scene = new Scene();
  scene.store.put("there", new Random(2).bytes(3_000_000));
  scene.ask(put("file", CONTENT, { sizeBytes: 100_000 }), { finish: false });
  const get = scene.pair.send(encodeMessage({ type: "get", name: "there" }), { finish: false });
  scene.pair.send(encodeMessage({ type: "get", name: "th" }).subarray(0, 3), { finish: false });
  scene.pair.run(60_000);
  assert.notEqual(get.isReset, true);
  assert.equal(scene.session!.activeCount, 3);
  scene.pair.client.connection.close(scene.pair.nowUs, 0, "");
  scene.pair.run(200_000);
  scene.assertClean();
});

Deno.test("ServerSession refuses impossible requests, each with its reason", () => {
  const scene = new Scene();
  scene.store.put("taken", new Uint8Array(5));
  const cases: [Uint8Array, RefusalReason, { finish: boolean }?][] = [
    [join(put("taken", CONTENT), digest(CONTENT)), RefusalReason.exists],
    [join(put("../up", CONTENT), digest(CONTENT)), RefusalReason.badName],
    [encodeMessage({ type: "get", name: "missing" }), RefusalReason.notFound, { finish: false }],
    [encodeMessage({ type: "get", name: "../up" }), RefusalReason.badName, { finish: false }],
    // It promises no RESULT.
    [encodeMessage({ type: "get", name: "taken" }), RefusalReason.badRequest],
    [encodeMessage({ type: "stat", name: "missing" }), RefusalReason.notFound],
    [digest(CONTENT), RefusalReason.badRequest],
    [new Uint8Array([0x3f, 0]), RefusalReason.badRequest],
    [new Uint8Array(0), RefusalReason.badRequest],
    [encodeMessage({ type: "get", name: "missing" }).subarray(0, 4), RefusalReason.badRequest],
  ];
  for (const [bytes, reason, options] of cases) {
    const { stream, answers } = scene.ask(bytes, options);
    const event = scene.events.at(-1)!;
    assert.equal(event.kind === "refused" && event.operation === "request", reason === RefusalReason.badRequest);
    if (options?.finish === false) stream.finish();
    scene.pair.serve(scene.pair.client);
    scene.pair.run(500_000);
    assert(answers[0]?.type === "refused", `reason ${reason}`);
    assert.equal(answers[0].reason, reason);
    assert.notEqual(answers[0].message, "");
    assert.equal(scene.pair.client.connection.openStreamCount, 0);
  }
  assert.equal(scene.store.contents("taken")!.length, 5);
  scene.assertClean();
});

Deno.test("ServerSession's refusal arrives though it is lost at first and the client has reset its half by then", () => {
  const scene = new Scene();
  scene.store.put("taken", new Uint8Array(5));
  const { server, client } = scene.pair;
  server.wire.rule = () => LOST;
  const stream = scene.pair.send(put("taken", CONTENT, { sizeBytes: 2_000_000 }), { finish: false });
  scene.pair.run(30_000);
  assert.equal(scene.events.at(-1)?.kind, "refused");
  stream.reset(2);
  scene.pair.serve(client);
  scene.pair.run(30_000);
  server.wire.rule = () => undefined;
  scene.pair.run(5_000_000);
  assert.equal(client.heard("stream-reset").length, 0);
  assert.equal(scene.answersOn(stream.id).answers[0]?.type, "refused");
  scene.assertClean();
});

Deno.test("ServerSession refuses new requests while it drains, and completes those in progress", () => {
  const scene = new Scene();
  const { stream } = scene.ask(put("old", CONTENT), { finish: false });
  scene.session!.drain();
  const { answers } = scene.ask(encodeMessage({ type: "list" }));
  assert(answers[0]?.type === "refused");
  assert.equal(answers[0].reason, RefusalReason.shuttingDown);
  stream.write(digest(CONTENT));
  stream.finish();
  scene.pair.serve(scene.pair.client);
  scene.pair.run(500_000);
  assert.equal(scene.answersOn(stream.id).answers[0]?.type, "result");
  assert.deepEqual(scene.store.contents("old"), CONTENT);
});

Deno.test("ServerSession sends a file, and reports the client's result", () => {
  for (const status of [ResultStatus.verified, ResultStatus.checksumMismatch]) {
    const scene = new Scene();
    scene.store.put("file", CONTENT, { modifiedUs: 77, mode: 0o640 });
    const { stream, answers, rest } = scene.ask(encodeMessage({ type: "get", name: "file" }), { finish: false });
    const file: Message = { type: "file", sizeBytes: CONTENT.length, modifiedUs: 77, mode: 0o640 };
    assert.deepEqual(answers, [file, ...wholeContent(file)]);
    assert.deepEqual(rest.subarray(0, CONTENT.length), CONTENT);
    assert.deepEqual(rest.subarray(CONTENT.length), digest(CONTENT));
    stream.write(encodeMessage({ type: "result", status, sha256: sha256(CONTENT), savedName: "" }));
    stream.finish();
    scene.pair.serve(scene.pair.client);
    scene.pair.run(500_000);
    const sent = scene.events.at(-1)!;
    assert(sent.kind === "sent");
    assert.equal(sent.verified, status === ResultStatus.verified);
    assert.equal(scene.pair.server.connection.openStreamCount, 0);
    scene.assertClean();
  }
});

Deno.test("ServerSession tells the client why it gives up a file that it can no longer read", () => {
  const causes = { "changed": ApplicationErrorCode.fileChanged, "io": ApplicationErrorCode.storeFailed } as const;
  for (const [kind, code] of Object.entries(causes)) {
    const scene = new Scene();
    scene.store.put("file", new Random(3).bytes(500_000));
    const open = scene.store.open.bind(scene.store);
    scene.store.open = (name, done) =>
      open(name, (file) => {
        assert(!(file instanceof StoreError));
        file.read = () => {
          throw new StoreError(kind as "changed" | "io", "the cause");
        };
        done(file);
      });
    scene.ask(encodeMessage({ type: "get", name: "file" }), { finish: false });
    scene.pair.run(500_000);
    assert.deepEqual(scene.pair.client.heard("stream-reset").map((event) => event.code), [code]);
    assert.deepEqual(scene.events.at(-1), { kind: "failed", operation: "get", name: "file", reason: "the cause" });
    scene.assertClean();
  }
});

Deno.test("ServerSession accepts no result before the file was sent", () => {
  const scene = new Scene();
  scene.store.put("file", new Random(3).bytes(5_000_000));
  const result = encodeMessage({ type: "result", status: 0, sha256: new Uint8Array(32), savedName: "" });
  scene.ask(join(encodeMessage({ type: "get", name: "file" }), result));
  assert.equal(scene.events.at(-1)?.kind, "failed");
  scene.assertClean();
});

Deno.test("ServerSession says nothing of what it holds unless it is asked", () => {
  const bytes = new Random(4).bytes(1024 * 1024);
  const scene = new Scene();
  const { answers } = scene.ask(join(put("file", bytes), digest(bytes)), { finish: true });
  assert.deepEqual(answers.map(({ type }) => type), ["result"]);
  scene.assertClean();
});

Deno.test("ServerSession reports a get that the client gives up, unless it asks again for what it has in part", () => {
  const { noError, cancelled } = ApplicationErrorCode;
  for (const [held, code, isReported] of [[false, noError, false], [true, noError, true], [false, cancelled, true]]) {
    const scene = new Scene();
    scene.store.put("file", new Random(4).bytes(30_000_000));
    const stream = scene.pair.send(encodeMessage({ type: "get", name: "file", held: held === true }), {
      finish: false,
    });
    scene.pair.run(100_000);
    stream.reset(Number(code));
    stream.stopReading(Number(code));
    scene.pair.run(2_000_000);
    assert.deepEqual(scene.events.map(({ kind }) => kind), isReported ? ["sending", "failed"] : ["sending"]);
    scene.assertClean();
  }
});

Deno.test("ServerSession counts a get whose client ends without a result as failed", () => {
  const scene = new Scene();
  scene.store.put("file", CONTENT);
  const { stream } = scene.ask(encodeMessage({ type: "get", name: "file" }), { finish: false });
  stream.finish();
  scene.pair.serve(scene.pair.client);
  scene.pair.run(500_000);
  assert.equal(scene.events.at(-1)?.kind, "failed");
  scene.assertClean();
});

Deno.test("ServerSession lists nothing, a few and thousands of files, in order", () => {
  for (const count of [0, 3, 3000]) {
    const scene = new Scene();
    for (let i = 0; i < count; i++) scene.store.put(`file-${String(i).padStart(4, "0")}`, new Uint8Array(i % 7));
    const { answers } = scene.ask(encodeMessage({ type: "list" }));
    assert.equal(answers.length, count + 1);
    assert.deepEqual(answers.at(-1), { type: "end", count });
    const names = answers.slice(0, -1).map((answer) => answer.type === "entry" ? answer.name : "");
    assert.deepEqual(names, [...names].sort());
  }
});

Deno.test("ServerSession refuses transfers beyond the server's limit, and accepts them after others have ended", () => {
  const scene = new Scene({ maxTransfers: 2 });
  const begun = [0, 1].map((i) => scene.ask(put(`file-${i}`, CONTENT, { sizeBytes: 100_000 }), { finish: false }));
  const { answers } = scene.ask(put("third", CONTENT));
  assert(answers[0]?.type === "refused" && answers[0].reason === RefusalReason.busy);
  assert.match(answers[0].message, /it is busy with 2 transfers already$/);
  // What is no transfer is answered.
  assert.equal(scene.ask(encodeMessage({ type: "list" })).answers[0]?.type, "end");
  begun[0]!.stream.reset(1);
  scene.pair.serve(scene.pair.client);
  scene.pair.run(500_000);
  assert.equal(scene.ask(join(put("third", CONTENT), digest(CONTENT))).answers[0]?.type, "result");
  scene.pair.client.connection.close(scene.pair.nowUs, 0, "");
  scene.pair.run(200_000);
  scene.assertClean();
});

Deno.test("ServerSession closes a file that the client has completely, even before its RESULT", () => {
  const scene = new Scene({ maxTransfers: 1 });
  scene.store.put("there", CONTENT);
  scene.ask(encodeMessage({ type: "get", name: "there" }), { finish: false });
  assert.deepEqual([scene.session!.activeCount, scene.store.openHandles, scene.limits.countOf("transfer")], [1, 0, 0]);
  const { stream } = scene.ask(encodeMessage({ type: "get", name: "there" }), { finish: false });
  stream.write(encodeMessage({ type: "result", status: 0, sha256: sha256(CONTENT), savedName: "" }));
  stream.finish();
  scene.pair.serve(scene.pair.client);
  scene.pair.run(500_000);
  assert.deepEqual(scene.events.at(-1)?.kind, "sent");
});

Deno.test("ServerSession aborts stalled transfers of a client that responds, and removes their partial files", () => {
  const scene = new Scene({ stallTimeoutUs: 20_000_000 });
  scene.store.put("there", new Random(2).bytes(3_000_000));
  scene.ask(put("file", CONTENT, { sizeBytes: 100_000 }), { finish: false });
  scene.pair.send(encodeMessage({ type: "get", name: "there" }).subarray(0, 3), { finish: false });
  scene.pair.run(15_000_000);
  assert.deepEqual([scene.session!.activeCount, scene.store.partialFiles], [2, 1]);
  // It is heard of each two seconds, and looked at then.
  scene.pair.run(30_000_000);
  assert.equal(scene.pair.server.connection.state, "established");
  assert.deepEqual(scene.events.at(-1), {
    kind: "failed",
    operation: "put",
    name: "file",
    reason: "the client sent nothing more of the file",
  });
  scene.assertClean();
});

Deno.test("ServerSession waits for a client that has all of a file for as long as its disk takes", () => {
  const scene = new Scene({ stallTimeoutUs: 1_000_000 });
  scene.store.put("there", CONTENT);
  const { stream } = scene.ask(encodeMessage({ type: "get", name: "there" }), { finish: false });
  scene.pair.run(30_000_000);
  stream.write(encodeMessage({ type: "result", status: 0, sha256: sha256(CONTENT), savedName: "" }));
  stream.finish();
  scene.pair.serve(scene.pair.client);
  scene.pair.run(500_000);
  assert.deepEqual(scene.events.map(({ kind }) => kind), ["sending", "sent"]);
  scene.assertClean();
});

Deno.test("ServerSession sends at most the allowed number of concurrent listings, each complete", () => {
  const scene = new Scene({ maxListsPerAddress: 2 });
  for (let i = 0; i < 3000; i++) scene.store.put(`${i}-${"n".repeat(100)}`, new Uint8Array(0));
  const streams = [0, 1, 2].map(() => scene.pair.send(encodeMessage({ type: "list" })));
  scene.pair.run(5_000_000);
  assert.deepEqual(streams.map(({ id }) => scene.answersOn(id).answers.at(-1)?.type), ["end", "end", "refused"]);
  assert.equal(scene.ask(encodeMessage({ type: "list" })).answers.length, 3001);
  scene.assertClean();
});

Deno.test("ServerSession refuses requests that the client has no right to, without opening a file, and carries out the rest", () => {
  const scene = new Scene({ maxTransfers: 1 }, { rights: new Set(["list"]) });
  scene.store.put("there", CONTENT);
  for (const request of [encodeMessage({ type: "get", name: "there" }), put("new", CONTENT)]) {
    const { answers } = scene.ask(request);
    assert.deepEqual(answers.map((answer) => answer.type === "refused" && answer.reason), [RefusalReason.denied]);
  }
  assert.deepEqual(scene.ask(encodeMessage({ type: "list" })).answers.map(({ type }) => type), ["entry", "end"]);
  assert.deepEqual(
    atOnce<StoreListing>((done) => scene.store.list({ path: "", recursive: false }, done)).entries.map(({ name }) =>
      name
    ),
    ["there"],
  );
  assert.deepEqual(scene.events.map(({ kind }) => kind), ["refused", "refused", "listed"]);
  scene.assertClean();
});

Deno.test("ServerSession hashes a file on request, and nothing else", () => {
  const scene = new Scene({}, { rights: new Set(["read"]) });
  const large = new Random(2).bytes(2 * STEP_BYTES + 1);
  for (const [name, bytes] of [["a", CONTENT], ["large", large], ["empty", new Uint8Array()]] as const) {
    scene.store.put(name, bytes);
    const [entry, digest, ...rest] = scene.ask(encodeMessage({ type: "stat", name, digest: true })).answers;
    assert.ok(entry?.type === "entry" && entry.sizeBytes === bytes.length && rest.length === 0);
    assert.deepEqual(digest, { type: "digest", sha256: sha256(bytes) });
  }
  scene.store.put("d/b", CONTENT);
  const folder = scene.ask(encodeMessage({ type: "stat", name: "d", digest: true })).answers;
  assert.deepEqual(folder.map(({ type }) => type), ["entry"]);
  scene.assertClean();
  const listing = new Scene({}, { rights: new Set(["list"]) });
  listing.store.put("a", CONTENT);
  const [refused] = listing.ask(encodeMessage({ type: "stat", name: "a", digest: true })).answers;
  assert.equal(refused?.type === "refused" && refused.reason, RefusalReason.denied);
});

/** Requests of each kind, and the kind that counts against the bounds. */
const REQUESTS = [
  { request: put("new", CONTENT, { sizeBytes: 100_000 }), counts: "transfer" },
  { request: encodeMessage({ type: "get", name: "there" }), counts: "transfer" },
  { request: encodeMessage({ type: "list" }), counts: "list" },
  { request: encodeMessage({ type: "stat", name: "there" }), counts: undefined },
  { request: encodeMessage({ type: "stat", name: "there", digest: true }), counts: "transfer" },
] as const;

for (const how of ["reset", "connection lost"] as const) {
  Deno.test(`ServerSession releases everything of a request that ends during its call to the store: ${how}`, () => {
    for (const { request, counts } of REQUESTS) {
      const lookUps: (() => void)[] = [];
      const scene = new Scene({}, { lookUp: (run) => lookUps.push(run) });
      scene.store.put("there", CONTENT);
      const { stream } = scene.ask(request, { finish: false });
      assert.deepEqual([scene.session!.activeCount, lookUps.length], [1, 1]);
      if (how === "reset") stream.reset(1);
      else scene.pair.client.connection.close(scene.pair.nowUs, 0, "");
      scene.pair.serve(scene.pair.client);
      scene.pair.run(500_000);
      assert.equal(scene.session!.activeCount, 0);
      // As long as the store is at work, the place is taken: else requests could pile up there without bound.
      if (counts !== undefined) assert.equal(scene.limits.countOf(counts), 1);
      lookUps.forEach((run) => run());
      assert.deepEqual(scene.events, []);
      scene.assertClean();
    }
  });
}

Deno.test("ServerSession carries out a request whose store answers late, with the bytes that have arrived by then", () => {
  const lookUps: (() => void)[] = [];
  const scene = new Scene({}, { lookUp: (run) => lookUps.push(run) });
  scene.store.put("there", CONTENT);
  const requests = [join(put("new", CONTENT), digest(CONTENT)), ...REQUESTS.slice(2, 4).map(({ request }) => request)];
  const asked = requests.map((request) => scene.ask(request));
  assert.deepEqual(asked.map(({ answers }) => answers.length), [0, 0, 0]);
  lookUps.splice(0).forEach((run) => run());
  scene.pair.serve(scene.pair.server);
  scene.pair.run(500_000);
  const answers = asked.map(({ stream }) => scene.answersOn(stream.id).answers.map(({ type }) => type));
  assert.deepEqual(answers, [["result"], ["entry", "entry", "end"], ["entry"]]);
  assert.deepEqual(scene.store.contents("new"), CONTENT);
  scene.assertClean();
});

Deno.test("ServerSession aborts stalled transfers at the stall timeout, and schedules a call for that", () => {
  const scene = new Scene({ stallTimeoutUs: 3_000_000 });
  scene.pair.send(put("file", CONTENT, { sizeBytes: 100_000 }), { finish: false });
  assert(scene.pair.runUntil(() => scene.store.partialFiles === 1, { withinUs: 1_000_000 }));
  const startUs = scene.pair.nowUs;
  while (scene.pair.nowUs < startUs + 5_000_000 && scene.session!.activeCount > 0) {
    scene.pair.run(Math.max(1_000, scene.wakeAtUs - scene.pair.nowUs));
    scene.session!.process();
  }
  const tookUs = scene.pair.nowUs - startUs;
  // Progress is noticed up to a sixteenth of the timeout late.
  assert(tookUs >= 3_000_000 && tookUs <= 3_400_000, `${tookUs}`);
  scene.assertClean();
});

Deno.test("ServerSession answers what needs no content: makes, moves and removes entries, and says what there is", () => {
  const scene = new Scene();
  scene.store.put("old", new Uint8Array(5), { modifiedUs: 3, mode: 0o640 });
  const folder: Message = { type: "make", name: "a/b", kind: "folder", sizeBytes: 0, modifiedUs: 7, mode: 0o750 };
  const link: Message = { type: "make", name: "a/link", kind: "link", sizeBytes: 0, target: "b" };
  const cases: [Message, Message][] = [
    [folder, { type: "done", count: 1 }],
    [link, { type: "done", count: 1 }],
    [{ type: "stat", name: "a/b" }, {
      type: "entry",
      name: "a/b",
      kind: "folder",
      sizeBytes: 0,
      modifiedUs: 7,
      mode: 0o750,
    }],
    [{ type: "stat", name: "old" }, {
      type: "entry",
      name: "old",
      kind: "file",
      sizeBytes: 5,
      modifiedUs: 3,
    }],
    [{ type: "move", name: "old", newName: "a/b/new" }, { type: "done", count: 1 }],
    [{ type: "remove", name: "a", recursive: true }, { type: "done", count: 4 }],
    [{ type: "space" }, { type: "capacity" }],
  ];
  for (const [request, answer] of cases) {
    const { answers } = scene.ask(encodeMessage(request));
    assert.deepEqual(answers, [answer], request.type);
  }
  const { answers } = scene.ask(encodeMessage({ type: "list" }));
  assert.deepEqual(answers, [{ type: "end", count: 0 }]);
  assert.deepEqual(scene.events.filter(({ kind }) => kind !== "listed"), [
    { kind: "made", what: "folder", name: "a/b" },
    { kind: "made", what: "link", name: "a/link" },
    { kind: "moved", name: "old", newName: "a/b/new" },
    { kind: "removed", name: "a", count: 4 },
  ]);
  scene.assertClean();
});

Deno.test("ServerSession lists the folder that is asked for, with what is below it, and what matches", () => {
  const scene = new Scene();
  for (const name of ["top.txt", "a/one.txt", "a/two.bin", "a/b/three.txt"]) scene.store.put(name, new Uint8Array(1));
  scene.store.unlisted = ["a/\ufffd"];
  const list = (request: Partial<Message>): readonly string[] => {
    const { answers } = scene.ask(encodeMessage({ ...request, type: "list" } as Message));
    assert.equal(answers.at(-1)?.type, "end");
    return answers.flatMap((answer) => answer.type === "entry" ? [answer.name] : []);
  };
  assert.deepEqual(list({}), ["a", "top.txt"]);
  assert.deepEqual(list({ path: "a" }), ["a/b", "a/one.txt", "a/two.bin"]);
  assert.deepEqual(list({ path: "a", recursive: true, pattern: "*.txt" }), ["a/b/three.txt", "a/one.txt"]);
  assert.deepEqual(list({ recursive: true, pattern: "**/b/*" }), ["a/b/three.txt"]);
  const { answers } = scene.ask(encodeMessage({ type: "list", path: "none" }));
  assert(answers[0]?.type === "refused" && answers[0].reason === RefusalReason.notFound);
  scene.assertClean();
});

Deno.test("ServerSession lets no request change the store whose client lacks a right", () => {
  const scene = new Scene({}, { rights: new Set<Right>(["read", "list", "write"]) });
  scene.store.put("there", new Uint8Array(1));
  const requests: Message[] = [
    { type: "remove", name: "there" },
    { type: "move", name: "there", newName: "other" },
    { type: "make", name: "there", kind: "link", sizeBytes: 0, target: "x", overwrite: true },
  ];
  for (const request of requests) {
    const { answers } = scene.ask(encodeMessage(request));
    assert(answers[0]?.type === "refused" && answers[0].reason === RefusalReason.denied, request.type);
  }
  assert.notEqual(scene.store.contents("there"), undefined);
  scene.assertClean();
});
