const SEMVER = /^(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$/;

/** Why the version cannot be released; undefined: it can. `before` is that of package.json, `tags` are those of the repository. */
export function versionProblem(version: string, before: string, tags: readonly string[]): string | undefined {
  if (!SEMVER.test(version)) return `${version} is no version: give one such as 0.3.0 or 0.3.0-rc.1`;
  if (tags.includes(`v${version}`)) return `the tag v${version} is there already: give a newer version`;
  // The version of package.json itself may not be released yet.
  if (compareVersions(version, before) < 0) return `${version} is older than ${before} of package.json`;
  return undefined;
}

/** As Semantic Versioning orders them: below zero when `a` is older. */
export function compareVersions(a: string, b: string): number {
  const [, ...left] = SEMVER.exec(a) ?? [];
  const [, ...right] = SEMVER.exec(b) ?? [];
  for (const place of [0, 1, 2]) {
    const difference = Number(left[place]) - Number(right[place]);
    if (difference !== 0) return difference;
  }
  const [early, late] = [left[3], right[3]];
  // A version without a suffix is newer than each of its candidates.
  if (early === undefined || late === undefined) return Number(early === undefined) - Number(late === undefined);
  return compareSuffixes(early.split('.'), late.split('.'));
}

function compareSuffixes(a: readonly string[], b: readonly string[]): number {
  for (const [place, one] of a.entries()) {
    const other = b[place];
    if (other === undefined) return 1;
    if (one === other) continue;
    const [left, right] = [Number(one), Number(other)];
    if (Number.isNaN(left) || Number.isNaN(right)) {
      // Numbers come before words.
      if (Number.isNaN(left) !== Number.isNaN(right)) return Number.isNaN(left) ? 1 : -1;
      return one < other ? -1 : 1;
    }
    return left - right;
  }
  return a.length - b.length;
}
