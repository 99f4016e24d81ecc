/**
 * The space on disks that this process has promised to files under way. Without it, two files that fit one at a time but
 * not together would both begin, and both fail.
 *
 * @module
 */

/** Bytes that are still to be written, by device number (stat's `dev`). */
export class PromisedSpace {
  readonly #bytes = new Map<number, number>();

  /** The bytes promised on a device. */
  on(device: number): number {
    return this.#bytes.get(device) ?? 0;
  }

  /** Promises bytes, or takes back what was promised. */
  add(device: number, bytes: number): void {
    const sum = this.on(device) + bytes;
    if (sum > 0) this.#bytes.set(device, sum);
    else this.#bytes.delete(device);
  }
}
