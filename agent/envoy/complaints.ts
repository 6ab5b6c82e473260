import type { Updates } from '../../mesh/proxies/counters.ts';
import { type Heard, heardIn } from '../../mesh/proxies/heard.ts';
import { type Account, NO_ACCOUNT, accountOf } from '../../mesh/proxies/refusals.ts';

import { ANSWER_MS } from './watch.ts';
import { listenerProblem } from './admin.ts';
import type { Clock } from '../../base/clock.ts';
import { type EnvoyStatus, complaintIn } from './status.ts';
import { type TokenRefusals, watchTokenRefusals } from './token-refusals.ts';

/** The complaints of one Envoy, in its log and in its counters. */
export class Complaints {
  readonly tokens: TokenRefusals;
  readonly #clock: Clock;
  #last: string | undefined;
  /** The updates that it refused, and its last words of each kind. */
  #account: Account = NO_ACCOUNT;
  #heard: Heard[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
    this.tokens = watchTokenRefusals(clock);
  }

  /** Another process begins. One that takes over brings the counters of the one before along. */
  begin({ takesOver }: { takesOver: boolean }): void {
    this.#last = undefined;
    if (!takesOver) [this.#account, this.#heard] = [NO_ACCOUNT, []];
  }

  /** A line of its log. */
  hear(line: string): void {
    this.tokens.hear(line);
    const said = heardIn(line);
    if (said !== undefined) {
      const atMs = this.#clock.now();
      this.#heard = [...this.#heard.filter(({ kind }) => kind !== said.kind), { ...said, atMs }];
    }
    this.#last = complaintIn(line) ?? this.#last;
  }

  /** It does not answer, and is ended for that. */
  hangs(silentMs: number): void {
    this.#last = `it did not answer for ${Math.round(silentMs / 1000)} s`;
  }

  /** A live Envoy has got over its complaint, unless a listener of it does not work. */
  async review(socket: string): Promise<void> {
    if (this.#last !== undefined) this.#last = await listenerProblem(socket, ANSWER_MS);
  }

  /** Takes its counters of refused updates. Gives what its status says of them. */
  count(updates: Updates[]): Pick<EnvoyStatus, 'refusals' | 'problem'> {
    this.#account = accountOf(this.#account, updates, this.#heard);
    const { refusals } = this.#account;
    const refused = refusals.map(({ kind, words }) => `it refused its ${kind}: ${words ?? 'no words'}`)[0];
    return { refusals, problem: this.#last ?? refused };
  }

  /** How it ended, with its complaint. */
  why(how: string): string {
    return this.#last === undefined ? how : `${how}: ${this.#last}`;
  }
}
