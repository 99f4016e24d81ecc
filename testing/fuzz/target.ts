/**
 * What a target is: something that is fed bytes that nobody vouches for, or a scene that is played with hostile peers.
 *
 * @module
 */

import { type Random } from "../../base/random.ts";
import { Writer } from "../../base/bytes.ts";
import { MAX_DATAGRAM_BYTES } from "../../protocol/mod.ts";
import { garbage, mutated } from "./input.ts";

/** Is fed one input after another. */
export interface InputTarget {
  readonly kind: "input";
  /** An input by the grammar, valid as a rule. */
  readonly make: (random: Random) => Uint8Array;
  /** The last touch on every input, made or changed: a checksum that is right, so that what is behind it is reached. */
  readonly finish?: (random: Random, input: Uint8Array) => Uint8Array;
  /** Feeds an input, and says what came of it: its features. Throws where anything happens that must not. */
  readonly feed: (input: Uint8Array) => Iterable<string>;
}

/** Is played from a seed. */
export interface SceneTarget {
  readonly kind: "scene";
  /** Throws where anything happens that must not. `note` keeps the bytes sent last, for the report of a failure. */
  readonly play: (random: Random, note: (input: Uint8Array) => void) => void | Promise<void>;
}

/** One of the two. */
export type Target = InputTarget | SceneTarget;

/** An input for `target`: from nowhere, by the grammar, or one of the corpus; and the latter two perhaps changed. */
export function makeInput(target: InputTarget, random: Random, pick: () => Uint8Array | undefined): Uint8Array {
  const input = rawInput(target, random, pick);
  return target.finish?.(random, input) ?? input;
}

function rawInput(target: InputTarget, random: Random, pick: () => Uint8Array | undefined): Uint8Array {
  if (random.chance(0.1)) return garbage(random);
  const known = random.chance(0.5) ? pick() : undefined;
  // Without a change one from the corpus would only be fed again.
  if (known !== undefined) return mutated(random, random.chance(0.2) ? spliced(random, known, pick()!) : known);
  const made = target.make(random);
  return random.chance(0.5) ? mutated(random, made) : made;
}

/** The beginning of one and the end of the other. */
function spliced(random: Random, head: Uint8Array, tail: Uint8Array): Uint8Array {
  const from = tail.subarray(random.integer(0, tail.length));
  return Uint8Array.from([...head.subarray(0, random.integer(0, head.length)), ...from]);
}

/** What a writer writes. */
export function written(write: (writer: Writer) => void): Uint8Array {
  const writer = new Writer().reset(new Uint8Array(MAX_DATAGRAM_BYTES));
  write(writer);
  return writer.buffer.slice(0, writer.position);
}

/** A size, coarsely: 0, 1, 2, 4, 8 and so on, up to 64. */
export function bucket(size: number): string {
  return size === 0 ? "0" : String(Math.min(64, 2 ** Math.floor(Math.log2(size))));
}

/** Words in which numbers do not tell one from another. */
export function withoutNumbers(text: string): string {
  return text.replace(/\d+/g, "N");
}
