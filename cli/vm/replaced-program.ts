import type { AgentStatus } from '../../agent/local-api/status.ts';

/** Whether an agent runs that was started from another program than this one. One of an earlier version does not say from which. */
const runsAnother = (running: Pick<AgentStatus, 'program'> | undefined, own: string | undefined): boolean =>
  running !== undefined && own !== undefined && running.program !== own;

/** What `vm join` does about the agent of this machine; each is one call. */
export interface AgentParts {
  /** Throws when none answers. */
  status(): Promise<Pick<AgentStatus, 'program'>>;
  /** Undefined: the agent was started by hand. */
  restart: (() => Promise<void>) | undefined;
  say(line: string): void;
}

/** A join by a newer program replaces the program's file; the agent that runs is replaced too, which drains its instances. */
export async function replaceAgent({ status, restart, say }: AgentParts, own: string | undefined): Promise<void> {
  const running = await status().catch(() => undefined);
  if (!runsAnother(running, own)) return;
  if (restart === undefined)
    return say('the agent that runs was started from another program than this one: end it, and start it again');
  say('the agent that runs was started from another program than this one: it drains and is started again');
  await restart();
}
