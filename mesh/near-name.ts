/**
 * The name that somebody may have meant: of the candidates the nearest one that is a slip or two away (a letter too many, too
 * few, wrong, or two that changed places), or that differs in case only. Names of up to three letters may differ by one.
 */
export function nearName(name: string, candidates: Iterable<string>): string | undefined {
  const most = name.length <= 3 ? 1 : 2;
  let nearest: string | undefined;
  let least = most + 1;
  for (const candidate of candidates) {
    if (candidate === name || Math.abs(candidate.length - name.length) > most) continue;
    const away = candidate.toLowerCase() === name.toLowerCase() ? 0 : distance(name, candidate);
    // A name of two letters that differs in one has hardly anything of the other.
    if (away < least && away < Math.min(name.length, candidate.length)) [nearest, least] = [candidate, away];
  }
  return nearest;
}

/** For a message: `; did you mean "frontend"?`, or nothing. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const near = nearName(name, candidates);
  return near === undefined ? '' : `; did you mean "${near}"?`;
}

/** Optimal string alignment: Levenshtein's distance, where two neighbours that changed places count once. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(replaced, last[j]! + 1, row[j - 1]! + 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j]!, before[j - 2]! + 1);
    }
    [before, last] = [last, row];
  }
  return last[b.length]!;
}
