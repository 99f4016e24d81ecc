/**
 * Inputs worth keeping: for everything that was ever seen to come of an input, its _features_ (a reason to refuse it,
 * a kind of frame, the size of a number), the smallest input that shows it. New inputs are made from these by changing
 * them, so that fuzzing goes on from where it got, and the tests feed them all.
 *
 * In a file an input is a line of hex, where `(00 x 9)` stands for nine bytes of zero, and behind `#` what it is kept
 * for. That is for readers: what an input shows is found out anew when the file is read.
 *
 * @module
 */

import type { Random } from "../../base/random.ts";
import { fromHex } from "../wire_values.ts";

/** What is larger is not kept: a file of the corpus is to be read by people. */
export const MAX_KEPT_BYTES = 1_500;

/** Features kept for one target; a target that has more draws its distinctions too finely. */
export const MAX_FEATURES = 400;

/** Equal bytes in a row from which on they are written as a count. */
const MIN_RUN = 8;

/** The corpus of one target. */
export class Corpus {
  readonly #keepers = new Map<string, Uint8Array>();
  #inputs: Uint8Array[] | undefined;

  /** Takes in an input and its features; true where it is the first to show one. A smaller one takes another's place. */
  consider(input: Uint8Array, features: Iterable<string>): boolean {
    if (input.length > MAX_KEPT_BYTES) return false;
    let isNew = false;
    let kept: Uint8Array | undefined;
    for (const feature of features) {
      const keeper = this.#keepers.get(feature);
      if (keeper === undefined ? this.#keepers.size >= MAX_FEATURES : keeper.length <= input.length) continue;
      isNew ||= keeper === undefined;
      this.#keepers.set(feature, kept ??= input.slice());
      this.#inputs = undefined;
    }
    return isNew;
  }

  /** One of the inputs; undefined while there is none. */
  pick(random: Random): Uint8Array | undefined {
    const inputs = this.inputs;
    return inputs.length === 0 ? undefined : random.pick(inputs);
  }

  /** All inputs, each once. */
  get inputs(): readonly Uint8Array[] {
    return this.#inputs ??= [...new Set(this.#keepers.values())];
  }

  /** What has been seen, in the order in which it was. */
  get features(): Iterable<string> {
    return this.#keepers.keys();
  }

  /** Whether this has been seen. */
  has(feature: string): boolean {
    return this.#keepers.has(feature);
  }

  /** As the lines of a file, which {@link readInputs} reads. */
  toText(): string {
    const features = new Map<Uint8Array, string[]>();
    for (const [feature, input] of this.#keepers) {
      const list = features.get(input);
      if (list === undefined) features.set(input, [feature]);
      else list.push(feature);
    }
    const lines = [...features].map(([input, names]) => `${hexOf(input)} # ${names.sort().join("; ")}`.trimStart());
    return lines.sort().map((line) => `${line}\n`).join("");
  }
}

/** The inputs in a file's text. Throws where a line is no hex. */
export function readInputs(text: string): Uint8Array[] {
  return text.split("\n").filter((line) => line.trim() !== "").map((line) => fromHex(line.split("#", 1)[0]!));
}

/** Hex in which long runs of one byte are counted. */
export function hexOf(bytes: Uint8Array): string {
  let hex = "";
  for (let at = 0; at < bytes.length;) {
    let end = at + 1;
    while (end < bytes.length && bytes[end] === bytes[at]) end++;
    const byte = bytes[at]!.toString(16).padStart(2, "0");
    hex += end - at >= MIN_RUN ? `(${byte} x ${end - at})` : byte.repeat(end - at);
    at = end;
  }
  return hex;
}
