/**
 * The space of a disk that is promised to one file while it is received, so that files that begin meanwhile do not count
 * on it: all of it at once, or, where the size is not known, step by step as the file grows.
 *
 * @module
 */

import { formatBytes, formatDifferentBytes } from "../base/units.ts";
import { StoreError } from "../transfer/file_store.ts";
import type { Disk } from "./disk.ts";
import { onDisk, toStoreError } from "./disk_error.ts";

/** Files larger than this leave so much of the disk free, for folders and other programs; smaller ones may fill it. */
const RESERVED_BYTES = 1_000_000;

/** What a growing file is promised at a time: more than arrives while the disk is asked for its free space. */
const STEP_BYTES: number = 64 * 1024 * 1024;

/** What the space is for. */
export interface SpaceOptions {
  readonly disk: Pick<Disk, "freeBytes" | "promisedSpace">;
  readonly folder: string;
  /** The disk's number: see `DiskStats.dev`. */
  readonly device: number;
  /** The file in messages. */
  readonly subject: string;
  readonly sizeBytes: number;
  /** Whether the size is not known, and `sizeBytes` 0. */
  readonly isUnsized: boolean;
  /** What the file has already. */
  readonly allocatedBytes: number;
}

/** Space that can be used, and what is not. */
interface Usable {
  readonly bytes: number;
  readonly reservedBytes: number;
  readonly promisedBytes: number;
}

/** See the module's description. */
export class SpacePromise {
  readonly #options: SpaceOptions;
  #promisedBytes = 0;
  #takenBytes = 0;
  #isAsking = false;
  /** Why a growing file gets no more. */
  #refusal: StoreError | undefined;
  #hasEnded = false;

  private constructor(options: SpaceOptions) {
    this.#options = options;
  }

  /** Promises the space that a file needs, or rejects with StoreError (no-space). */
  static async make(options: SpaceOptions): Promise<SpacePromise> {
    const { sizeBytes, allocatedBytes, subject } = options;
    const space = new SpacePromise(options);
    if (options.isUnsized) {
      await space.#askForMore();
      if (space.#refusal !== undefined) throw space.#refusal;
      return space;
    }
    const wantedBytes = Math.max(0, sizeBytes - allocatedBytes);
    const usable = usableOf(await freeBytes(options), options);
    if (wantedBytes > usable.bytes) {
      const [needed, left] = formatDifferentBytes(wantedBytes, usable.bytes);
      const more = wantedBytes < sizeBytes ? " more" : "";
      throw new StoreError(
        "no-space",
        `${subject} needs ${needed}${more}, but only ${left} are ${stateOf(usable)}; free some space`,
      );
    }
    space.#promise(wantedBytes);
    return space;
  }

  /** The next bytes are about to be written. Throws StoreError (no-space) if a growing file has grown too large. */
  take(bytes: number): void {
    const { isUnsized } = this.#options;
    if (isUnsized && bytes > this.#promisedBytes && this.#refusal !== undefined) throw this.#refusal;
    this.#takenBytes += bytes;
    // More than was promised is taken only while the disk is being asked.
    this.#promise(-Math.min(bytes, this.#promisedBytes));
    if (isUnsized && this.#promisedBytes < STEP_BYTES / 2) void this.#askForMore();
  }

  /** Takes back what was not used. Idempotent. */
  end(): void {
    this.#hasEnded = true;
    this.#promise(-this.#promisedBytes);
  }

  #promise(bytes: number): void {
    const { disk, device } = this.#options;
    this.#promisedBytes += bytes;
    disk.promisedSpace.add(device, bytes);
  }

  /** Never rejects: a refusal is for the time when the promised space has been used. */
  async #askForMore(): Promise<void> {
    if (this.#isAsking || this.#refusal !== undefined) return;
    this.#isAsking = true;
    const { subject } = this.#options;
    try {
      const usable = usableOf(await freeBytes(this.#options), this.#options);
      if (this.#hasEnded) return;
      const bytes = Math.min(STEP_BYTES, usable.bytes);
      if (bytes > 0) {
        this.#promise(bytes);
      } else if (this.#promisedBytes === 0) {
        const arrived = this.#takenBytes === 0 ? "" : ` after ${formatBytes(this.#takenBytes)} of it`;
        this.#refusal = new StoreError(
          "no-space",
          `${subject} does not fit: no bytes are ${stateOf(usable)}${arrived}; free some space`,
        );
      }
    } catch (error) {
      this.#refusal = toStoreError(error, subject);
    } finally {
      this.#isAsking = false;
    }
  }
}

async function freeBytes({ disk, folder, subject }: SpaceOptions): Promise<number> {
  return await onDisk(subject, () => disk.freeBytes(folder)) ?? Infinity;
}

/** Not asynchronous: nothing may be promised between this and the promise that follows. */
function usableOf(availableBytes: number, { disk, device, isUnsized, sizeBytes }: SpaceOptions): Usable {
  const promisedBytes = disk.promisedSpace.on(device);
  const reservedBytes = isUnsized || sizeBytes > RESERVED_BYTES ? RESERVED_BYTES : 0;
  return { bytes: Math.max(0, availableBytes - reservedBytes - promisedBytes), reservedBytes, promisedBytes };
}

function stateOf({ reservedBytes, promisedBytes }: Usable): string {
  const kept = [
    ...(reservedBytes === 0 ? [] : [`${formatBytes(reservedBytes)} is kept free`]),
    ...(promisedBytes === 0 ? [] : [`${formatBytes(promisedBytes)} is for files under way`]),
  ];
  return kept.length === 0 ? "free" : `usable (${kept.join(", ")})`;
}
