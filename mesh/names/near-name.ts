/**
 * The name that somebody may have meant: of the candidates the nearest one that is a slip or two away (a letter too many, too
 * few, wrong, or two that changed places), or that differs in case only. Names of up to three letters may differ by one.
 */
export function nearName(name: string, candidates: Iterable<string>): string | undefined {
  const most = name.length <= 3 ? 1 : 2;
  const lower = name.toLowerCase();
  let nearest: string | undefined;
  let least = most + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - name.length) >= least || candidate === name) continue;
    const away = candidate.toLowerCase() === lower ? 0 : distanceWithin(name, candidate, least - 1);
    // A name of two letters that differs in one has hardly anything of the other.
    if (away < least && away < Math.min(name.length, candidate.length)) [nearest, least] = [candidate, away];
    if (least === 0) break;
  }
  return nearest;
}

/** For a message: `; did you mean "frontend"?`, or nothing. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const near = nearName(name, candidates);
  return near === undefined ? '' : `; did you mean "${near}"?`;
}

/**
 * Optimal string alignment: Levenshtein's distance, where two neighbours that changed places count once. Infinity when it is
 * more than `most`: only cells near the diagonal are counted, and none after a row that is too far.
 */
export function distanceWithin(a: ArrayLike<string>, b: ArrayLike<string>, most: number): number {
  if (Math.abs(a.length - b.length) > most) return Infinity;
  const far = most + 1;
  let before: number[] = [];
  let leastBefore = 0;
  let last = Array.from({ length: Math.min(b.length, most) + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row: number[] = [];
    if (i <= most) row[0] = i;
    let least = i <= most ? i : far;
    for (let j = Math.max(1, i - most); j <= Math.min(b.length, i + most); j++) {
      const replaced = (last[j - 1] ?? far) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let cell = Math.min(replaced, (last[j] ?? far) + 1, (row[j - 1] ?? far) + 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) cell = Math.min(cell, (before[j - 2] ?? far) + 1);
      row[j] = cell;
      least = Math.min(least, cell);
    }
    // A swap reaches back two rows, and then costs one.
    if (least > most && leastBefore >= most) return Infinity;
    [before, last, leastBefore] = [last, row, least];
  }
  const away = last[b.length] ?? far;
  return away > most ? Infinity : away;
}
