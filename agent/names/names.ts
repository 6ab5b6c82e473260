import type { Logger } from 'pino';

import type { NamesRequest, ServicePlan } from '../../mesh/outside/bridge-api.ts';

import type { Address } from '../machine/address.ts';
import { answerQuery } from './answer-query.ts';
import { askSelf } from './ask-self.ts';
import type { Clock } from '../../base/clock.ts';
import { createNameCache } from './cache.ts';
import { type Answering, serveNames } from './server.ts';
import { messageOf } from '../../base/problem.ts';
import type { State } from '../state/state.ts';
import type { AgentStatus } from '../local-api/status.ts';
import { virtualName } from './virtual-name.ts';

interface NamesParts {
  at: Address;
  state: State;
  /** Asks Consul's DNS through a bridge. */
  ask: (question: NamesRequest) => Promise<Buffer>;
  /** The upstreams of services of this machine whose sidecars listen for them. */
  upstreams: () => ServicePlan['upstreams'];
  clock: Clock;
  log: Logger;
}

export interface Names {
  status(): NonNullable<AgentStatus['names']>;
  /** Why queries do not arrive at the server; undefined: they do. */
  deaf(): string | undefined;
  /** Keeps what is known for the next agent. */
  close(): Promise<void>;
}

const KEEP_EVERY_MS = 60_000;

/** `*.consul` on this machine: a DNS server on loopback, for the resolver to ask. Its failures fail nothing else. */
export async function startNames({ at, state, ask, upstreams, clock, log }: NamesParts): Promise<Names> {
  const known = await state.readNames().catch((error: unknown) => {
    log.error({ problem: messageOf(error) }, 'it is made anew');
    return {};
  });
  const cache = createNameCache({ clock, ask, known });
  const source = {
    local: (name: string, type: string) => virtualName(name, type, upstreams()),
    consul: cache.lookUp,
  };
  const ending = new AbortController();
  const answer: Answering = (query, way) =>
    answerQuery(query, source, way).catch((error: unknown) => {
      log.error({ problem: messageOf(error) }, 'a name could not be answered');
      return undefined;
    });
  const server = serveNames(at, answer, clock, ending.signal);
  const self = askSelf({ at, listens: () => server.problem() === undefined, clock });
  let kept = JSON.stringify(known);
  const keep = async (): Promise<void> => {
    const now = JSON.stringify(cache.known());
    if (now === kept) return;
    kept = now;
    await state
      .writeNames(cache.known())
      .catch((error: unknown) => log.error({ problem: messageOf(error) }, 'the names known could not be kept'));
  };
  const keepOnAndOn = (): (() => void) =>
    clock.after(KEEP_EVERY_MS, () => {
      void keep();
      cancel = keepOnAndOn();
    });
  let cancel = keepOnAndOn();
  return {
    deaf: () => {
      const problem = server.problem() ?? self.problem();
      return problem && `names under consul are not answered here: ${problem}`;
    },
    status: () => ({
      address: `${at.host}:${at.port}`,
      known: Object.keys(cache.known()).length,
      problem: server.problem() ?? self.problem() ?? cache.problem(),
    }),
    async close() {
      cancel();
      self.end();
      ending.abort();
      await keep();
    },
  };
}
