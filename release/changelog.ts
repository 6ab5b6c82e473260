const UNRELEASED = /^## (?:\[?Unreleased\]?|\d\S*, not released yet)$/m;

export interface ReleasedChangelog {
  /** The changelog after the release. */
  text: string;
  /** The section of the version, without its heading. */
  notes: string;
}

/** Gives the section of unreleased changes the version and the day. Throws when the section is missing or empty. */
export function releaseChangelog(text: string, version: string, day: string): ReleasedChangelog {
  const heading = UNRELEASED.exec(text);
  if (heading === null) throw new Error('CHANGELOG.md has no section "## Unreleased": write one');
  const before = text.slice(0, heading.index);
  const rest = text.slice(heading.index + heading[0].length);
  const next = rest.search(/^## /m);
  const notes = (next === -1 ? rest : rest.slice(0, next)).trim();
  if (notes === '') throw new Error('the section "## Unreleased" of CHANGELOG.md is empty: say what is new');
  const after = next === -1 ? '' : `\n${rest.slice(next)}`;
  return { text: `${before}## ${version}, ${day}\n\n${notes}\n${after}`, notes: `${notes}\n` };
}
