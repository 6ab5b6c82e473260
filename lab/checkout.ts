import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot, stateDirectory } from './paths.ts';

const file = join(stateDirectory, 'checkout');

/** Says of which checkout the lab is that is being started; it goes with the rest of the state. */
export function claimLab(): void {
  mkdirSync(stateDirectory, { recursive: true });
  writeFileSync(file, repositoryRoot);
}

/** The checkout that the lab of this machine was started from; undefined: there is none, or nobody wrote it down. */
export const labCheckout = (): string | undefined => (existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined);

/**
 * There is one lab on a machine. Why `npm start` must not begin: a lab of another checkout runs, or is being started, and would be
 * taken away; undefined when nothing is in the way.
 */
export function inTheWay(lab: {
  of: string | undefined;
  alive: boolean;
  here: string;
  replace: boolean;
}): string | undefined {
  if (!lab.alive || lab.replace || lab.of === undefined || lab.of === lab.here) return undefined;
  return `the lab of ${lab.of} is up, and there can be one on a machine: \`npm stop\` there takes it away, \`npm start -- --replace\` here does so too`;
}
