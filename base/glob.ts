/**
 * Patterns for paths, as shells have them:
 *
 * ```
 *   *        any characters, also none, but "/"
 *   ?        one character, but "/"
 *   [a-z]    one character of a set; [!a-z] or [^a-z] one that is not in it; "]" comes first, "-" first or last
 *   **       as a whole component: any number of components, also none
 *   \*       the character itself
 * ```
 *
 * A component with a "[" that is never closed has that character itself. Unlike in a shell, "*" matches names that begin
 * with "." as well. Case counts.
 *
 * A peer chooses the pattern, so the time for a comparison is at most proportional to the length of the pattern times
 * that of the path. That is why no library is used: those for globs compile them to regular expressions, which a
 * pattern such as `*a*a*a*b` can make backtrack for years.
 *
 * @module
 */

/** What one character of a name is compared with. */
type Token =
  | { readonly kind: "any" }
  | { readonly kind: "star" }
  | { readonly kind: "one"; readonly character: string }
  | {
    readonly kind: "set";
    readonly ranges: readonly (readonly [from: number, to: number])[];
    readonly isNot: boolean;
  };

/** What a name is compared with, and the characters that it has at least. */
interface NamePattern {
  readonly tokens: readonly Token[];
  readonly minLength: number;
}

/** A component of a pattern; "globstar" for `**`. */
type Component = NamePattern | "globstar";

/** See the module's description. */
export class Glob {
  readonly #components: readonly Component[];

  /** Every text is a pattern. */
  constructor(pattern: string) {
    const components = pattern.split("/").map((text) => text === "**" ? "globstar" : namePatternOf([...text]));
    // Several in a row match what one does.
    this.#components = components.filter((component, at) =>
      component !== "globstar" || components[at - 1] !== component
    );
  }

  /** Whether the pattern is for whole paths: it has several components, or is `**`. */
  get hasFolders(): boolean {
    return this.#components.length > 1 || this.#components[0] === "globstar";
  }

  /** Whether the path matches: components with "/" between them. */
  matches(path: string): boolean {
    return this.#positionsAfter(path)[this.#components.length]!;
  }

  /** Whether a path below this one may match. */
  mayMatchBelow(path: string): boolean {
    return this.#positionsAfter(path).slice(0, -1).includes(true);
  }

  /** For each number of components of the pattern, whether they match the path. */
  #positionsAfter(path: string): boolean[] {
    const count = this.#components.length;
    let positions = this.#pastGlobstars(Array.from({ length: count + 1 }, (_, at) => at === 0));
    for (const name of path.split("/")) {
      const characters = [...name];
      const next = new Array<boolean>(count + 1).fill(false);
      for (let at = 0; at < count; at++) {
        if (!positions[at]) continue;
        const component = this.#components[at]!;
        if (component === "globstar") next[at] = true;
        else if (matchesName(component, characters)) next[at + 1] = true;
      }
      positions = this.#pastGlobstars(next);
    }
    return positions;
  }

  /** Adds the positions behind those components that match nothing at all as well. */
  #pastGlobstars(positions: boolean[]): boolean[] {
    this.#components.forEach((component, at) => {
      if (positions[at] && component === "globstar") positions[at + 1] = true;
    });
    return positions;
  }
}

/** On a mismatch, only the last star takes one character more: what earlier ones took can stay as it is. */
function matchesName({ tokens, minLength }: NamePattern, characters: readonly string[]): boolean {
  if (characters.length < minLength) return false;
  let [at, token] = [0, 0];
  let star: { token: number; at: number } | undefined;
  while (at < characters.length) {
    const next = tokens[token];
    if (next?.kind === "star") {
      star = { token: ++token, at };
    } else if (next !== undefined && matchesCharacter(next, characters[at]!)) {
      at++;
      token++;
    } else if (star !== undefined) {
      star.at++;
      [at, token] = [star.at, star.token];
    } else {
      return false;
    }
  }
  while (tokens[token]?.kind === "star") token++;
  return token === tokens.length;
}

function matchesCharacter(token: Token, character: string): boolean {
  if (token.kind === "one") return token.character === character;
  if (token.kind !== "set") return true;
  const codePoint = character.codePointAt(0)!;
  return token.ranges.some(([from, to]) => from <= codePoint && codePoint <= to) !== token.isNot;
}

function namePatternOf(characters: readonly string[]): NamePattern {
  const tokens = tokensOf(characters);
  return { tokens, minLength: tokens.filter(({ kind }) => kind !== "star").length };
}

function tokensOf(characters: readonly string[]): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]!;
    const set = character === "[" ? readSet(characters, at + 1) : undefined;
    if (set !== undefined) {
      tokens.push(set.token);
      at = set.last;
    } else if (character === "*") {
      if (tokens.at(-1)?.kind !== "star") tokens.push({ kind: "star" });
    } else if (character === "?") {
      tokens.push({ kind: "any" });
    } else {
      if (character === "\\" && at + 1 < characters.length) at++;
      tokens.push({ kind: "one", character: characters[at]! });
    }
  }
  return tokens;
}

/** The set that begins behind a "[", and the index of its "]"; undefined if there is none. */
function readSet(characters: readonly string[], first: number): { token: Token; last: number } | undefined {
  const isNot = characters[first] === "!" || characters[first] === "^";
  const begin = isNot ? first + 1 : first;
  const last = characters.indexOf("]", begin + 1);
  if (last < 0) return undefined;
  const ranges: [number, number][] = [];
  for (let at = begin; at < last; at++) {
    const from = characters[at]!.codePointAt(0)!;
    const isRange = characters[at + 1] === "-" && at + 2 < last;
    if (isRange) at += 2;
    ranges.push([from, characters[at]!.codePointAt(0)!]);
  }
  return { token: { kind: "set", ranges, isNot }, last };
}
