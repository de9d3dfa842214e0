/** "Did you mean": the known word that is closest to a mistyped one. */

/** Edits (insert, delete, replace) that lead from `a` to `b`. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** Longest word that is compared: a pasted document is nobody's typing error. */
const LENGTH_MAX = 64;

/** Known words that are looked at: more are no list that somebody mistyped a word of. */
const KNOWN_MAX = 1_000;

/** The known word within a third of its length, or `null`: a far guess misleads more than none. */
export function nearest(word: string, known: readonly string[]): string | null {
  if (word.length > LENGTH_MAX) return null;
  const lower = word.toLowerCase();
  const ranked = known
    .slice(0, KNOWN_MAX)
    .filter((candidate) => candidate.length <= LENGTH_MAX)
    .map((candidate) => ({ candidate, edits: distance(lower, candidate.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits);
  const best = ranked[0];
  if (best === undefined) return null;
  return best.edits <= Math.max(1, Math.floor(best.candidate.length / 3)) ? best.candidate : null;
}
