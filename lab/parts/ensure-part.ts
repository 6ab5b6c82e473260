import type { Progress } from '../progress.ts';
import type { PartName } from './table.ts';

/**
 * Gives the absolute path of a finished part, making it first when the cache does not hold it: of the executable
 * itself when the part is one file, else of the part's folder.
 */
export async function ensurePart(name: PartName, _progress: Progress): Promise<string> {
  throw new Error(`${name}: not here yet`);
}
