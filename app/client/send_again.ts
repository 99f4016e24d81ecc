/**
 * Sends a file once more after its connection was lost. The server may have stored it, so that only its answer did not
 * arrive, and would refuse it as existing.
 *
 * Then the server is asked for the SHA-256 of the file that it has. If that is the local file's, the file is stored and
 * verified, whichever client stored it, and the transfer is done. If not, it is another file, and the refusal stands.
 * Nothing is ever replaced.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { basename } from "node:path";
import { quote } from "../../base/display_text.ts";
import { openLocalFile } from "../../store/local_file.ts";
import { type ReadableFile, StoreError } from "../../transfer/file_store.ts";
import { RefusalReason } from "../../transfer/messages.ts";
import { SluiceError } from "../api.ts";
import type { Platform } from "../platform.ts";
import type { SendOptions, StatResult, TransferReport } from "./api.ts";
import { pause, unlessAborted } from "./cancellation.ts";
import { interrupted } from "./errors.ts";
import type { OneConnection } from "./connect_once.ts";
import { trafficBetween } from "./traffic.ts";

/** The size of a read, bytes. */
const READ_BYTES = 64 * 1024;

/** The file is hashed in steps of so many bytes, about half a millisecond each; the connection is served in between. */
const STEP_BYTES = 256 * 1024;

/** How to send again. */
export interface SendAgainOptions extends SendOptions {
  readonly client: Pick<OneConnection, "send" | "stat" | "stats">;
  readonly platform: Pick<Platform, "defer" | "disk" | "nowUs" | "timer">;
}

/** As {@link Client.send}, for a file that may be stored already. Rejects with SluiceError. */
export async function sendAgain(path: string, options: SendAgainOptions): Promise<TransferReport> {
  const { client, platform, ...sendOptions } = options;
  const startedUs = platform.nowUs();
  const before = client.stats;
  try {
    return await client.send(path, sendOptions);
  } catch (refusal) {
    if (refusalOf(refusal) !== RefusalReason.exists) throw refusal;
    const name = options.as ?? basename(path);
    const stored = await compare(path, { ...options, name });
    if (stored === undefined) throw refusal;
    const after = client.stats;
    return {
      name: path,
      savedAs: name,
      ...stored,
      notKept: [],
      reusedBytes: 0,
      elapsedMs: (platform.nowUs() - startedUs) / 1000,
      ...trafficBetween(before, after),
      smoothedRttMs: after.smoothedRttUs / 1000,
    };
  }
}

/** What both sides have, if it is the same; undefined if the server's file is another one. */
async function compare(
  path: string,
  options: SendAgainOptions & { readonly name: string },
): Promise<Pick<TransferReport, "sizeBytes" | "serverSha256" | "localSha256"> | undefined> {
  const { name, onProgress, platform: { disk } } = options;
  const stop = new AbortController();
  try {
    const there = await lookUp(options, { digest: false });
    const file = await onDisk(() => openLocalFile(path, { disk }));
    const { sizeBytes } = file.info;
    if (there.kind !== "file" || there.sizeBytes !== sizeBytes) {
      file.close();
      return undefined;
    }
    onProgress?.({ name: path, transferredBytes: sizeBytes, totalBytes: sizeBytes, phase: "verifying" });
    const [localSha256, { sha256: serverSha256 }] = await Promise.all([
      onDisk(() => hash(file, { ...options, stop: stop.signal })),
      lookUp(options, { digest: true }),
    ]);
    return serverSha256 === localSha256 ? { sizeBytes, serverSha256, localSha256 } : undefined;
  } catch (error) {
    if (refusalOf(error) !== RefusalReason.denied) throw error;
    const message =
      `the server has a file ${quote(name)} now, perhaps this one, stored just before the connection was ` +
      "lost. You may not read it, so this cannot be verified; ask the server's administrator";
    throw new SluiceError("failed", message);
  } finally {
    stop.abort();
  }
}

async function lookUp(
  { client, name, platform, signal }: SendAgainOptions & { readonly name: string },
  { digest }: { readonly digest: boolean },
): Promise<StatResult> {
  const stat = client.stat(name, { digest });
  return await unlessAborted(stat, { platform, signal, whenAborted: interrupted });
}

/**
 * Closes a file when it has computed its SHA-256, hex, or is to stop. Rejects with StoreError, or with SluiceError if it was
 * stopped.
 */
async function hash(
  file: ReadableFile,
  { platform, signal, stop }: SendAgainOptions & { readonly stop: AbortSignal },
): Promise<string> {
  try {
    const { sizeBytes } = file.info;
    const sha256 = createHash("sha256");
    const buffer = new Uint8Array(Math.min(READ_BYTES, sizeBytes));
    let pausedAt = 0;
    for (let at = 0; at < sizeBytes;) {
      const count = file.read(at, buffer.subarray(0, Math.min(buffer.length, sizeBytes - at)));
      if (count === 0) throw changed(file);
      sha256.update(buffer.subarray(0, count));
      at += count;
      if (at - pausedAt < STEP_BYTES) continue;
      pausedAt = at;
      await pause(0, { platform, signals: [signal, stop] });
      if (signal?.aborted || stop.aborted) throw interrupted();
    }
    if (file.hasChanged()) throw changed(file);
    return sha256.digest("hex");
  } finally {
    file.close();
  }
}

function changed({ info: { name } }: ReadableFile): StoreError {
  return new StoreError("changed", `${name} changed while it was being compared with the server's; send it again`);
}

function refusalOf(error: unknown): RefusalReason | undefined {
  return error instanceof SluiceError ? error.refusal : undefined;
}

async function onDisk<Result>(action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof StoreError) throw new SluiceError("local-disk", error.message);
    throw error;
  }
}
