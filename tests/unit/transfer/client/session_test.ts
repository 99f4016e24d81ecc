import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Random } from "../../../../base/random.ts";
import { type Stream } from "../../../../protocol/mod.ts";
import { MemoryStore } from "../../../../testing/memory_store.ts";
import { atOnce } from "../../../../testing/promised_store.ts";
import type { ClientGet } from "../../../../transfer/client/get.ts";
import type { TransferOutcome } from "../../../../transfer/client/request.ts";
import type { QueryMessage, QueryOutcome } from "../../../../transfer/client/query_answer.ts";
import { ClientSession } from "../../../../transfer/client/session.ts";
import type { TransferFailure } from "../../../../transfer/failure.ts";
import { StoreError } from "../../../../transfer/file_store.ts";
import { type Message, MIN_BLOCK_BYTES, RefusalReason, ResultStatus } from "../../../../transfer/messages.ts";
import { readMessage } from "../../../../transfer/message_reader.ts";
import { ApplicationErrorCode } from "../../../../transfer/application_error.ts";
import { wholeContent } from "../../../../transfer/file_sender.ts";
import { encodeMessage, encodeMessages } from "../../../../transfer/message_encoder.ts";
import { Pair } from "../../../../testing/connection_pair.ts";
import { promptWork } from "../../../../testing/prompt_work.ts";

type Outcome = TransferOutcome | QueryOutcome | TransferFailure;

/** A client with files, and a server that answers each stream's first bytes with what a test wants. */
class Scene {
  readonly files: MemoryStore;
  readonly outcomes: Outcome[] = [];
  readonly pair: Pair;
  readonly session: ClientSession;
  readonly #answered = new Set<number>();

  constructor(
    answer: (stream: Stream) => void,
    options: { maxStreams?: number; lookUp?: (run: () => void) => void } = {},
  ) {
    const { lookUp } = options;
    this.files = new MemoryStore(lookUp === undefined ? {} : { lookUp });
    this.pair = new Pair({ server: { maxStreams: options.maxStreams ?? 128 } });
    this.pair.server.onEvent = (event) => {
      if (event.kind !== "stream-readable" || this.#answered.has(event.stream.id)) return;
      this.#answered.add(event.stream.id);
      answer(event.stream);
    };
    const connection = this.pair.connect();
    const { work, doWork } = promptWork();
    this.session = new ClientSession({ connection, work, wake: () => {} });
    this.pair.client.makeSession = () => ({
      process: () => {
        this.session.process();
        doWork();
      },
    });
  }

  readonly onDone = (outcome: Outcome): void => void this.outcomes.push(outcome);

  put(name: string, bytes: Uint8Array): void {
    this.files.put(name, bytes, { modifiedUs: 1 });
    this.session.put({
      name,
      file: atOnce((done) => this.files.open(name, done)),
      overwrite: false,
      onDone: this.onDone,
    });
  }

  get(name: string): ClientGet {
    return this.session.get({
      name,
      create: (info, done) => this.files.create(`${info.name}.got`, { ...info, overwrite: false }, done),
      onDone: this.onDone,
    });
  }

  /** The one outcome, once everything has settled; nothing may be open then. */
  outcome(): Outcome {
    this.pair.run(3_000_000);
    assert.equal(this.outcomes.length, 1);
    this.assertClean();
    return this.outcomes[0]!;
  }

  assertClean(): void {
    assert.equal(this.session.activeCount, 0);
    assert.equal(this.files.openHandles, 0);
    assert.equal(this.files.partialFiles, 0);
  }
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

const CONTENT = new Random(1).bytes(200_000);

function sendFile(stream: Stream, options: { digestOf?: Uint8Array; sizeBytes?: number; finish?: boolean } = {}): void {
  const { digestOf = CONTENT, sizeBytes = CONTENT.length, finish = true } = options;
  const file: Message = { type: "file", sizeBytes, modifiedUs: -9, mode: 0o750 };
  stream.write(encodeMessages([file, ...wholeContent(file)]));
  stream.write(CONTENT.slice());
  stream.write(encodeMessage({ type: "digest", sha256: sha256(digestOf) }));
  if (finish) stream.finish();
}

function result(stream: Stream, status: ResultStatus, hash: Uint8Array): void {
  stream.write(encodeMessage({ type: "result", status, sha256: hash, savedName: "kept-as" }));
  stream.finish();
}

Deno.test("ClientSession.put is done when the server's checksum is the same", () => {
  const small = CONTENT.slice(0, 500);
  const scene = new Scene((stream) => result(stream, ResultStatus.verified, sha256(small)));
  scene.put("file", small);
  const outcome = scene.outcome();
  assert(outcome.kind === "done" && "file" in outcome);
  assert.equal(outcome.file.savedAs, "kept-as");
  assert.equal(outcome.file.serverSha256, outcome.file.localSha256);
});

Deno.test("ClientSession.put says what the server did with a file whose checksum differs", () => {
  for (const status of [ResultStatus.verified, ResultStatus.checksumMismatch]) {
    const scene = new Scene((stream) => result(stream, status, new Uint8Array(32)));
    scene.put("file", CONTENT.slice(0, 500));
    const outcome = scene.outcome();
    assert(outcome.kind === "failed");
    const kept = status === ResultStatus.verified
      ? /stored is not what was sent.*--force$/
      : /on the server 0+\); send it again$/;
    assert.match(outcome.message, kept);
  }
});

Deno.test("ClientSession.put fails when the server says verified before it can have the file", () => {
  const scene = new Scene((stream) => result(stream, ResultStatus.verified, sha256(CONTENT)));
  scene.put("file", CONTENT);
  assert.equal(scene.outcome().kind, "failed");
});

Deno.test("ClientSession.put fails when the server says verified but its checksum is another", () => {
  const scene = new Scene((stream) => result(stream, ResultStatus.verified, sha256(new Uint8Array(1))));
  scene.put("file", CONTENT);
  assert.equal(scene.outcome().kind, "failed");
});

Deno.test("ClientSession.put fails when the server says that the checksums differ", () => {
  const scene = new Scene((stream) => result(stream, ResultStatus.checksumMismatch, sha256(CONTENT)));
  scene.put("file", CONTENT);
  assert.equal(scene.outcome().kind, "failed");
});

Deno.test("ClientSession tells how a request was refused", () => {
  const cases: [RefusalReason, string][] = [
    [RefusalReason.exists, "refused"],
    [RefusalReason.notFound, "not-found"],
    [RefusalReason.io, "failed"],
    [RefusalReason.noSpace, "refused"],
  ];
  for (const [reason, kind] of cases) {
    for (const request of ["put", "get"] as const) {
      const scene = new Scene((stream) => {
        stream.write(encodeMessage({ type: "refused", reason, message: "because" }));
        stream.finish();
        stream.stopReading(2);
      });
      if (request === "put") scene.put("file", CONTENT);
      else scene.get("file");
      const outcome = scene.outcome();
      assert.equal(outcome.kind, kind);
      assert("message" in outcome);
      assert.match(outcome.message, /because/);
    }
  }
});

/** What the server was asked on each stream. */
function requestOf(stream: Stream): Message {
  const next = readMessage(stream);
  assert(next.kind === "message");
  return next.message;
}

Deno.test("ClientSession.put begins again, and waits for HAVE, where the server has a part of the file", () => {
  const bytes = new Random(2).bytes(1_200_000);
  const asked: Message[] = [];
  const scene = new Scene((stream) => {
    const put = requestOf(stream);
    asked.push(put);
    if (put.type !== "put" || put.resumable !== true) {
      stream.write(encodeMessage({ type: "refused", reason: RefusalReason.partial, message: "" }));
      stream.finish();
      stream.stopReading(ApplicationErrorCode.refused);
    } else {
      stream.write(encodeMessage({ type: "have", blockBytes: MIN_BLOCK_BYTES, heldBytes: 0 }));
      result(stream, ResultStatus.verified, sha256(bytes));
    }
  }, { maxStreams: 1 });
  scene.put("file", bytes);
  scene.put("other", bytes);
  scene.pair.run(20_000_000);
  assert.deepEqual(scene.outcomes.map(({ kind }) => kind), ["failed", "failed"]);
  assert.deepEqual(
    asked.map((put) => put.type === "put" && [put.name, put.resumable === true]),
    [["file", false], ["file", true], ["other", false], ["other", true]],
  );
  scene.assertClean();
});

Deno.test("ClientSession.put fails where the server has a part of the file again, or tells of one without being asked", () => {
  const partial: Message = { type: "refused", reason: RefusalReason.partial, message: "a part" };
  const have: Message = { type: "have", blockBytes: MIN_BLOCK_BYTES, heldBytes: 0 };
  for (const [answer, failure] of [[partial, /refused: a part$/], [have, /not understood$/]] as const) {
    const scene = new Scene((stream) => {
      stream.write(encodeMessage(answer));
      stream.finish();
    });
    scene.put("file", CONTENT);
    const outcome = scene.outcome();
    assert("message" in outcome);
    assert.match(outcome.message, failure);
  }
});

Deno.test("ClientSession fails a request whose answer is malformed, ends early, or is reset", () => {
  const answers: ((stream: Stream) => void)[] = [
    (stream) => stream.write(new Uint8Array([0x3f, 0])),
    (stream) => stream.finish(),
    (stream) => stream.reset(3),
    (stream) => stream.write(encodeMessage({ type: "end", count: 0 })),
  ];
  for (const answer of answers) {
    for (const request of ["put", "get"] as const) {
      const scene = new Scene(answer);
      if (request === "put") scene.put("file", CONTENT);
      else scene.get("file");
      assert.equal(scene.outcome().kind, "failed");
      assert.equal(scene.files.contents("file.got"), undefined);
    }
  }
});

Deno.test("ClientSession.get keeps a file whose checksum agrees, and reports that to the server", () => {
  const scene = new Scene((stream) => sendFile(stream));
  scene.get("file");
  const outcome = scene.outcome();
  assert(outcome.kind === "done" && "file" in outcome);
  assert.deepEqual(scene.files.contents("file.got"), CONTENT);
  assert.equal(scene.pair.client.connection.openStreamCount, 0);
  const said = scene.pair.server.bytesOn(0);
  const verified = encodeMessage({
    type: "result",
    status: ResultStatus.verified,
    sha256: sha256(CONTENT),
    savedName: "",
  });
  assert.deepEqual(said.subarray(said.length - verified.length), verified);
});

Deno.test("ClientSession.get discards a file that has a different checksum, is cut short, or lacks its checksum", () => {
  const answers: ((stream: Stream) => void)[] = [
    (stream) => sendFile(stream, { digestOf: new Uint8Array(1) }),
    (stream) => sendFile(stream, { sizeBytes: CONTENT.length + 100_000 }),
    (stream) => sendFile(stream, { sizeBytes: CONTENT.length - 1 }),
    (stream) => {
      const file: Message = { type: "file", sizeBytes: CONTENT.length, modifiedUs: 9 };
      stream.write(encodeMessages([file, ...wholeContent(file)]));
      stream.write(CONTENT.slice());
      stream.finish();
    },
    (stream) => {
      sendFile(stream, { sizeBytes: CONTENT.length + 100_000, finish: false });
      stream.reset(3);
    },
  ];
  for (const answer of answers) {
    const scene = new Scene(answer);
    scene.get("file");
    assert.equal(scene.outcome().kind, "failed");
    assert.equal(scene.files.contents("file.got"), undefined);
  }
});

Deno.test("ClientSession.get fails if the local file cannot be created, and stops the server", () => {
  const scene = new Scene((stream) => sendFile(stream, { sizeBytes: 2 ** 40, finish: false }));
  scene.session.get({
    name: "file",
    create: (_info, done) => done(new StoreError("no-space", "no space left")),
    onDone: scene.onDone,
  });
  assert.deepEqual(scene.outcome(), { kind: "local-disk", message: "no space left" });
  assert.equal(scene.pair.server.heard("stream-stopped").length, 1);
});

Deno.test("ClientSession.get accepts a file that is created late, and aborts it if the request has ended by then", () => {
  for (const givenUp of [undefined, "cancel", "reset", "close"] as const) {
    const lookUps: (() => void)[] = [];
    let answered: Stream | undefined;
    const answer = (stream: Stream) => {
      sendFile(stream, { finish: givenUp !== "reset" });
      answered = stream;
    };
    const scene = new Scene(answer, { lookUp: (run) => lookUps.push(run) });
    const request = scene.get("file");
    scene.pair.run(500_000);
    assert.deepEqual([lookUps.length, scene.files.openHandles, scene.outcomes.length], [1, 0, 0]);
    if (givenUp === "cancel") request.cancel({ kind: "interrupted", message: "" });
    if (givenUp === "reset") answered!.reset(1);
    if (givenUp === "close") scene.pair.server.connection.close(scene.pair.nowUs, 0, "");
    scene.pair.serve(scene.pair.server);
    scene.pair.run(500_000);
    lookUps.forEach((run) => run());
    assert.equal(scene.outcome().kind, { cancel: "interrupted", reset: "failed", close: "failed" }[givenUp!] ?? "done");
    assert.deepEqual(scene.files.contents("file.got"), givenUp === undefined ? CONTENT : undefined);
  }
});

Deno.test("ClientSession.query takes the answer of its request, whole, and nothing else", () => {
  const entry = encodeMessage({ type: "entry", name: "file", kind: "file", sizeBytes: 5, modifiedUs: 6 });
  const folder = encodeMessage({ type: "entry", name: "file", kind: "folder", sizeBytes: 0 });
  const end = encodeMessage({ type: "end", count: 1 });
  const digest = encodeMessage({ type: "digest", sha256: sha256(CONTENT) });
  const done = encodeMessage({ type: "done", count: 2 });
  const capacity = encodeMessage({ type: "capacity", freeBytes: 7 });
  const list: QueryMessage = { type: "list" };
  const stat: QueryMessage = { type: "stat", name: "file" };
  const hashed: QueryMessage = { ...stat, digest: true };
  const make: QueryMessage = { type: "make", name: "file", kind: "folder", sizeBytes: 0 };
  const remove: QueryMessage = { type: "remove", name: "file" };
  const move: QueryMessage = { type: "move", name: "file", newName: "other" };
  const space: QueryMessage = { type: "space" };
  const cases: [QueryMessage, Uint8Array[], "done" | "failed"][] = [
    [list, [entry, end], "done"],
    [list, [encodeMessage({ type: "end", count: 0 })], "done"],
    [list, [entry, encodeMessage({ type: "end", count: 2 })], "failed"],
    [list, [entry], "failed"],
    [list, [done], "failed"],
    [stat, [entry], "done"],
    [stat, [folder], "done"],
    [stat, [entry, entry], "failed"],
    [stat, [entry, end], "failed"],
    [stat, [entry, digest], "failed"],
    [stat, [], "failed"],
    [hashed, [entry, digest], "done"],
    [hashed, [folder], "done"],
    [hashed, [entry], "failed"],
    [hashed, [folder, digest], "failed"],
    [hashed, [digest, entry], "failed"],
    [hashed, [entry, digest, digest], "failed"],
    [space, [capacity], "done"],
    [space, [done], "failed"],
    [space, [], "failed"],
  ];
  for (const message of [make, remove, move]) {
    cases.push([message, [done], "done"], [message, [done, done], "failed"], [message, [], "failed"]);
    cases.push([message, [entry, done], "failed"], [message, [capacity], "failed"]);
  }
  for (const [message, answers, kind] of cases) {
    const scene = new Scene((stream) => {
      for (const answer of answers) stream.write(answer.slice());
      stream.finish();
    });
    scene.session.query({ message, onDone: scene.onDone });
    assert.equal(scene.outcome().kind, kind, `${message.type}, ${answers.length}`);
  }
});

Deno.test("ClientSession.query gives what the server answers", () => {
  const cases: [QueryMessage, Message[], Partial<QueryOutcome>][] = [
    [{ type: "stat", name: "a", digest: true }, [
      { type: "entry", name: "a", kind: "file", sizeBytes: 5 },
      { type: "digest", sha256: sha256(CONTENT) },
    ], { entries: [{ name: "a", kind: "file", sizeBytes: 5 }], sha256: sha256(CONTENT) }],
    [{ type: "remove", name: "a", recursive: true }, [{ type: "done", count: 3 }], { entries: [], count: 3 }],
    [{ type: "space" }, [{ type: "capacity", freeBytes: 7, quotaBytes: 9 }], {
      entries: [],
      capacity: { type: "capacity", freeBytes: 7, quotaBytes: 9 },
    }],
    [{ type: "list" }, [{ type: "end", count: 0, gaps: "one folder cannot be read" }], {
      entries: [],
      gaps: "one folder cannot be read",
    }],
  ];
  for (const [message, answers, expected] of cases) {
    const scene = new Scene((stream) => {
      for (const answer of answers) stream.write(encodeMessage(answer));
      stream.finish();
    });
    scene.session.query({ message, onDone: scene.onDone });
    assert.deepEqual(scene.outcome(), { kind: "done", ...expected });
  }
});

Deno.test("ClientSession.query reports the files that a list does not have", () => {
  const unlisted = { count: 3, examples: '"a", "b"' };
  const scene = new Scene((stream) => {
    stream.write(encodeMessage({ type: "end", count: 0, unlisted }));
    stream.finish();
  });
  scene.session.query({ message: { type: "list" }, onDone: scene.onDone });
  assert.deepEqual(scene.outcome(), { kind: "done", entries: [], unlisted });
});

Deno.test("ClientSession lets requests beyond the server's limit wait, and all end", () => {
  const scene = new Scene((stream) => {
    stream.write(encodeMessage({ type: "end", count: 0 }));
    stream.finish();
  }, { maxStreams: 4 });
  for (let i = 0; i < 50; i++) scene.session.query({ message: { type: "list" }, onDone: scene.onDone });
  scene.pair.run(10_000_000);
  assert.equal(scene.outcomes.length, 50);
  assert(scene.outcomes.every(({ kind }) => kind === "done"));
  scene.assertClean();
});

Deno.test("ClientSession ends every request once when the connection ends, also those that waited or come later", () => {
  const scene = new Scene(() => {}, { maxStreams: 2 });
  for (let i = 0; i < 5; i++) scene.put(`file-${i}`, CONTENT);
  scene.get("other");
  scene.pair.run(500_000);
  assert.equal(scene.outcomes.length, 0);
  scene.pair.server.connection.close(scene.pair.nowUs, 5, "good night");
  scene.pair.run(500_000);
  assert.equal(scene.outcomes.length, 6);
  scene.put("late", CONTENT);
  assert.equal(scene.outcomes.length, 7);
  for (const outcome of scene.outcomes) {
    assert(outcome.kind === "failed");
    assert.match(outcome.message, /good night/);
  }
  scene.assertClean();
});
