import { didYouMean } from '../../names/near-name.ts';
import type { Neighbourhood } from './problem.ts';

/** The end of a sentence about a name that is not met: a near name among the candidates, or nothing. */
export type Suggest = (name: string, candidates?: Iterable<string>) => string;

/** Further unmet names of one object get no suggestion: each costs a look at every candidate. */
const SUGGESTIONS = 3;

/** The suggestions of one object. Default for the candidates: the names of all MeshServices, asked for once. */
export function suggestions(around: Neighbourhood): Suggest {
  let left = SUGGESTIONS;
  let names: string[] | undefined;
  return (name, candidates) => {
    if (left === 0) return '';
    left -= 1;
    return didYouMean(name, candidates ?? (names ??= [...(around.names?.() ?? [])]));
  };
}

/** For the operator's walks: they tell which names are not met, and compare none with all the others. */
export const withoutSuggestions = (around: Neighbourhood): Neighbourhood => ({ ...around, names: () => [] });
