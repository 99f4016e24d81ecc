/**
 * A typed line cut into words, as a shell would: spaces part them unless quotes hold them together. There is no
 * escape character, as a backslash is what parts folders on Windows.
 *
 * @module
 */

/** The words of `line`, or what is wrong with it. */
export function splitWords(line: string): string[] | { readonly error: string } {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (const character of line) {
    if (quote !== "") {
      if (character === quote) quote = "";
      else word = (word ?? "") + character;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= "";
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? "") + character;
    }
  }
  if (quote !== "") return { error: `a closing ${quote} is missing` };
  if (word !== undefined) words.push(word);
  return words;
}
