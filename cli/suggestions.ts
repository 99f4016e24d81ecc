/**
 * "Did you mean ...": the word that somebody may have wanted to type.
 *
 * @module
 */

/** Words that differ in more places than this are taken for different ones. */
const MAX_DISTANCE = 2;

/**
 * The candidate closest to `word`: one, two or, in long words, three letters wrong, missing, too many or swapped. Undefined
 * if none is close; of several the first. The case of letters does not count.
 */
export function closestTo(word: string, candidates: Iterable<string>): string | undefined {
  const typed = word.toLowerCase();
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const candidate of candidates) {
    // As many wrong letters as a word of this length can have and still be the same word.
    const limit = Math.min(MAX_DISTANCE + (candidate.length > 8 ? 1 : 0), Math.floor(candidate.length / 2));
    if (Math.abs(candidate.length - typed.length) > limit) continue;
    const distance = editDistance(typed, candidate.toLowerCase());
    if (distance <= limit && distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** ` (did you mean X?)`, or nothing. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const closest = closestTo(word, candidates);
  return closest === undefined ? "" : ` (did you mean ${closest}?)`;
}

/** Letters to insert, remove, exchange or swap with the next (the optimal string alignment distance). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      let distance = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (isSame ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        distance = Math.min(distance, beforeLast[j - 2]! + 1);
      }
      row.push(distance);
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length]!;
}
