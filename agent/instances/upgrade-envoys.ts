import type { Logger } from 'pino';

import type { Clock } from '../../base/clock.ts';
import { type Binary, binaryAt, envoyVersionAt } from '../envoy/binary.ts';
import type { LocalInstance } from './local-instance.ts';
import { Problem, messageOf } from '../../base/problem.ts';

/** An instance whose Envoy runs the program that is installed now. */
export interface Upgraded {
  instance: string;
  /** Versions; `from` is undefined when it did not run. */
  from: string | undefined;
  to: string;
}

export interface EnvoyUpgrades {
  /** Puts the program that is installed now in the place of each Envoy that runs another. Throws a Problem. */
  now(): Promise<Upgraded[]>;
  /** The problem of the installed program, while Envoys still run another. */
  problem(): string | undefined;
}

const LOOK_MS = 5000;

/**
 * Keeps the Envoys of this machine at the program that is installed: looks every 5 s, and acts when the file is another
 * one twice in a row. One instance after the other; the first failure ends the round, and the same file is not tried again
 * until it is asked for.
 */
export function followEnvoyBinary(options: {
  path: string;
  instances: () => LocalInstance[];
  clock: Clock;
  log: Logger;
  signal: AbortSignal;
}): EnvoyUpgrades {
  const { path, instances, clock, log, signal } = options;
  let problem: string | undefined;
  let bad: Binary | undefined;
  let seen: Binary | undefined;
  let round: Promise<unknown> = Promise.resolve();

  const outdated = (binary: Binary): LocalInstance[] =>
    instances().filter(({ envoy }) => envoy.binary !== undefined && envoy.binary !== binary);

  const upgrade = async (): Promise<Upgraded[]> => {
    const binary = await binaryAt(path);
    if (binary === undefined) throw new Problem(`Envoy is missing at ${path}: install it there.`);
    const done: Upgraded[] = [];
    try {
      const wanted = outdated(binary);
      if (wanted.length === 0) return done;
      const offered = await envoyVersionAt(path);
      for (const instance of wanted) {
        const from = instance.envoy.status.version?.version;
        const failure = await instance.replaceEnvoy(offered);
        if (failure !== undefined) throw new Problem(`${instance.id}: ${failure}`);
        log.info({ instance: instance.id, from, to: offered.version }, 'Envoy was upgraded');
        done.push({ instance: instance.id, from, to: offered.version });
      }
      [problem, bad] = [undefined, undefined];
      return done;
    } catch (error) {
      [problem, bad] = [`Envoys go on as they are: ${messageOf(error)}`, binary];
      log.error({ problem }, 'Envoy was not upgraded');
      throw new Problem(problem);
    }
  };
  /** One round at a time. */
  const now = (): Promise<Upgraded[]> => {
    const turn = round.then(upgrade);
    round = turn.catch(() => {});
    return turn;
  };

  let cancel = (): void => {};
  const look = async (): Promise<void> => {
    const binary = await binaryAt(path);
    const settled = binary !== undefined && binary === seen && binary !== bad;
    seen = binary;
    if (settled && outdated(binary).length > 0) await now().catch(() => {});
    if (!signal.aborted) cancel = clock.after(LOOK_MS, () => void look());
  };
  signal.addEventListener('abort', () => cancel());
  void look();
  return { now, problem: () => problem };
}
