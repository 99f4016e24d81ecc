import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { SluiceError } from "../../../../app/api.ts";
import { sendAgain } from "../../../../app/client/send_again.ts";
import type { Progress, SendOptions, StatOptions } from "../../../../app/client/api.ts";
import type { ConnectionStats } from "../../../../protocol/mod.ts";
import { SimulatedDisk } from "../../../../sim/disk/disk.ts";
import { fakeReport } from "../../../../testing/cli_fakes.ts";
import { FakeClock } from "../../../../testing/fake_clock.ts";
import { RefusalReason } from "../../../../transfer/messages.ts";

const EXISTS = new SluiceError("refused", "it exists", { refusal: RefusalReason.exists });
const DENIED = new SluiceError("refused", "you may not", { refusal: RefusalReason.denied });
const LOST = new SluiceError("failed", "nothing arrived", { retry: "reconnect" });
const PATH = "/folder/file";
const OURS = new Uint8Array(1_000_000).map((_, index) => index * index);

const NO_STATS = { bytesSent: 0, bytesReceived: 0, retransmittedBytes: 0, packetsLost: 0, smoothedRttUs: 20_000 };

function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** A local file, and a server that has one of that name. */
class Setting {
  readonly disk = new SimulatedDisk();
  readonly clock = new FakeClock();
  readonly calls: string[] = [];
  theirs = OURS;
  /** What sending fails with. */
  sendError: Error | undefined = EXISTS;
  /** What looking up fails with. */
  statError: (digest: boolean) => Error | undefined = () => undefined;
  /** Runs while the server computes a digest. */
  onDigest: () => void = () => {};
  stats = NO_STATS as ConnectionStats;

  constructor() {
    this.disk.put(PATH, OURS);
  }

  send(path: string, options: SendOptions = {}) {
    this.calls.push(`send ${path} as ${options.as}, overwrite ${options.overwrite}`);
    return this.sendError === undefined ? Promise.resolve(fakeReport(path)) : Promise.reject(this.sendError);
  }

  stat(name: string, { digest = false }: StatOptions = {}) {
    this.calls.push(`${digest ? "hash" : "stat"} ${name}`);
    if (digest) this.onDigest();
    const error = this.statError(digest);
    if (error !== undefined) return Promise.reject(error);
    this.stats = { ...this.stats, bytesSent: this.stats.bytesSent + 100, bytesReceived: 70 };
    const { theirs } = this;
    const info = { name, kind: "file", sizeBytes: theirs.length } as const;
    return Promise.resolve(digest ? { ...info, sha256: sha256Of(theirs) } : info);
  }

  async sendAgain(options: SendOptions = {}) {
    const platform = {
      disk: this.disk,
      nowUs: () => this.clock.nowUs(),
      timer: (action: () => void) => this.clock.timer(action),
      defer: <Value>() => Promise.withResolvers<Value>(),
    };
    const sent = sendAgain(PATH, { as: "name", ...options, client: this, platform });
    let isSettled = false;
    const settle = () => isSettled = true;
    sent.then(settle, settle);
    while (!isSettled) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      this.clock.passToNext();
    }
    return await sent;
  }
}

Deno.test("sendAgain sends a file that the server lacks, as ever", async () => {
  const setting = new Setting();
  setting.sendError = undefined;
  assert.equal((await setting.sendAgain()).serverSha256, "ab".repeat(32));
  assert.deepEqual(setting.calls, [`send ${PATH} as name, overwrite undefined`]);
});

Deno.test("sendAgain takes a file for done whose bytes the server has, verified by both sides' hashes", async () => {
  const setting = new Setting();
  const progress: Progress[] = [];
  const report = await setting.sendAgain({ onProgress: (step) => void progress.push(step) });
  const { sizeBytes, savedAs, name, serverSha256, localSha256, sentBytes, receivedBytes } = report;
  assert.deepEqual({ name, savedAs, sizeBytes }, { name: PATH, savedAs: "name", sizeBytes: OURS.length });
  assert.equal(serverSha256, sha256Of(OURS));
  assert.equal(localSha256, serverSha256);
  assert.deepEqual([sentBytes, receivedBytes], [200, 70]);
  assert.deepEqual(progress.map(({ phase, transferredBytes }) => [phase, transferredBytes]), [
    ["verifying", OURS.length],
  ]);
  assert.deepEqual(setting.calls, [`send ${PATH} as name, overwrite undefined`, "stat name", "hash name"]);
  assert.equal(setting.disk.openDescriptors, 0);
});

Deno.test("sendAgain leaves a file with other bytes alone, and says that it exists", async () => {
  const other = OURS.slice();
  other[999_999]! ^= 1;
  for (const theirs of [other, OURS.subarray(1), new Uint8Array(0)]) {
    const setting = new Setting();
    setting.theirs = theirs;
    await assert.rejects(setting.sendAgain(), (error) => error === EXISTS);
    assert.equal(setting.calls.filter((call) => call.startsWith("send")).length, 1);
    // A file of another size need not be hashed.
    assert.equal(setting.calls.includes("hash name"), theirs === other);
    assert.equal(setting.disk.openDescriptors, 0);
  }
});

Deno.test("sendAgain says that it could not verify what it may not read", async () => {
  for (const isDenied of [() => true, (digest: boolean) => digest]) {
    const setting = new Setting();
    setting.statError = (digest) => isDenied(digest) ? DENIED : undefined;
    await assert.rejects(setting.sendAgain(), ({ kind, message, retry }: SluiceError) => {
      assert.deepEqual([kind, retry], ["failed", undefined]);
      assert.match(message, /^the server has a file "name" now, .* cannot be verified/);
      return true;
    });
    assert.equal(setting.disk.openDescriptors, 0);
  }
});

Deno.test("sendAgain passes on any other failure, that of a lost connection, too", async () => {
  const setting = new Setting();
  setting.sendError = DENIED;
  await assert.rejects(setting.sendAgain(), (error) => error === DENIED);
  setting.sendError = EXISTS;
  for (const lostAt of [false, true]) {
    setting.statError = (digest) => digest === lostAt ? LOST : undefined;
    await assert.rejects(setting.sendAgain(), (error) => error === LOST);
  }
  // The local file is closed, though the comparison was not over.
  await new Promise((resolve) => setTimeout(resolve, 0));
  setting.clock.pass(0);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(setting.disk.openDescriptors, 0);
  assert.equal(setting.clock.armed, 0);
});

Deno.test("sendAgain ends when it is cancelled while it compares", async () => {
  const setting = new Setting();
  const abort = new AbortController();
  setting.onDigest = () => abort.abort();
  await assert.rejects(setting.sendAgain({ signal: abort.signal }), ({ kind }: SluiceError) => kind === "interrupted");
  assert.equal(setting.disk.openDescriptors, 0);
  assert.equal(setting.clock.armed, 0);
});

Deno.test("sendAgain says when the local file changes while it compares", async () => {
  const setting = new Setting();
  setting.onDigest = () => setting.disk.put(PATH, OURS.slice(5));
  await assert.rejects(setting.sendAgain(), ({ kind, message }: SluiceError) => {
    assert.equal(kind, "local-disk");
    assert.match(message, /file changed while it was being compared/);
    return true;
  });
  assert.equal(setting.disk.openDescriptors, 0);
});
