import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot, stateDirectory } from './paths.ts';

const file = join(stateDirectory, 'checkout');

/** Says of which checkout the lab is that is being started; it goes with the rest of the state. */
export function claimLab(): void {
  mkdirSync(stateDirectory, { recursive: true });
  writeFileSync(file, repositoryRoot);
}

/** The checkout that the lab of this machine was started from; undefined when no lab runs, or an older version started it. */
export const labCheckout = (): string | undefined => (existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined);

/**
 * A machine has one lab. Returns the reason why `npm start` must not begin: it would take away the lab of another checkout, which
 * runs or is starting. undefined when nothing is in the way.
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
