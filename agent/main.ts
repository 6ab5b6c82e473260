import { mkdir } from 'node:fs/promises';

import { type Logger, pino } from 'pino';

import { startBeats } from './beat-loop.ts';
import { BridgeRefusal } from './bridge-client.ts';
import { type Clock, sleep, systemClock } from './clock.ts';
import { type Definitions, readDefinitions } from './definitions.ts';
import { serveLocalApi } from './local-api.ts';
import { Membership } from './membership.ts';
import { Problem, messageOf } from './problem.ts';
import { endStrays } from './process-record.ts';
import { type Settings, apiSocket, definitionsFolder, readSettings } from './settings.ts';
import { type HostState, type Identity, type State, openState } from './state.ts';
import { Supervisor } from './supervisor.ts';
import { watchFolder } from './watch-folder.ts';

/** How long a bridge may stay silent before something that waits for it goes on without. */
const TELL_MS = 10_000;

/**
 * The agent of one machine, until the signal is aborted: then its instances leave the mesh, callers get time to notice,
 * and its Envoys end. Throws a Problem when this machine has not joined, or its state is damaged.
 */
export async function runAgent(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<void> {
  const settings = readSettings(env);
  const log = pino({ level: settings.logLevel });
  const clock = systemClock;
  const state = openState(settings.stateDir);
  const { host, identity } = await readMembership(state);
  await mkdir(settings.runtimeDir, { recursive: true, mode: 0o750 });
  const strays = await endStrays(settings.runtimeDir, clock);
  if (strays.length > 0) log.warn({ pids: strays }, 'ended Envoys that an agent before this one left behind');

  /** Asked to stop over the local API. */
  const stop = new AbortController();
  /** The mesh has been left. */
  const ending = new AbortController();
  let urgent = (): void => {};
  const supervisor = await Supervisor.open({
    settings,
    state,
    host,
    clock,
    random: Math.random,
    log,
    urgent: () => urgent(),
  });
  const member = new Membership(host, identity, { state, supervisor, clock, log });

  let definitions: Definitions = new Map();
  let problems: string[] = [];
  const readServices = async (): Promise<void> => {
    const read = await readDefinitions(definitionsFolder(settings), definitions);
    definitions = read.definitions;
    for (const problem of read.problems.filter((each) => !problems.includes(each)))
      log.error({ problem }, 'services.d has a mistake; what was there before stays in force');
    problems = read.problems;
    await supervisor.apply(definitions);
  };
  const readServicesLater = (): void =>
    void readServices().catch((error: unknown) => log.error({ error: messageOf(error) }, 'services.d was not applied'));
  await readServices();
  watchFolder(definitionsFolder(settings), clock, readServicesLater, ending.signal);

  const beats = startBeats({
    clock,
    random: Math.random,
    leaseMs: () => supervisor.leaseMs(),
    send: () => member.beat(),
    failed: (message) => member.failed(message),
    final: (error) => error instanceof BridgeRefusal && error.status < 500,
  });
  urgent = beats.soon;
  const told = (): Promise<boolean> => within(clock, beats.told(), Math.min(supervisor.leaseMs(), TELL_MS));

  await serveLocalApi(
    apiSocket(settings),
    {
      status: () => ({
        ...member.status(),
        problems: [...problems, ...supervisor.problems(), ...member.problems()],
        instances: supervisor.status(),
      }),
      async drain(target, waitMs) {
        const drained = await supervisor.drain(target);
        const heard = await told();
        if (heard) await sleep(clock, waitMs, ending.signal);
        return { drained, told: heard };
      },
      async undrain(target) {
        const undrained = await supervisor.undrain(target);
        urgent();
        return undrained;
      },
      async reload() {
        await member.reload();
        await readServices();
        urgent();
      },
      stop: () => stop.abort(),
    },
    ending.signal,
  );
  log.info({ host: host.host, site: host.site, bridges: host.bridges }, 'agent runs');

  const stopped = AbortSignal.any([signal, stop.signal]);
  if (!stopped.aborted) await new Promise((resolve) => stopped.addEventListener('abort', resolve, { once: true }));
  await leaveMesh({ supervisor, settings, clock, log, told });
  beats.stop();
  await supervisor.stop();
  ending.abort();
  member.close();
  log.info('agent ends');
}

async function readMembership(state: State): Promise<{ host: HostState; identity: Identity }> {
  const [host, identity] = [await state.readHost(), await state.readIdentity()];
  if (host === undefined || identity === undefined)
    throw new Problem(`This machine has not joined (nothing in ${state.folder}): landbridge vm join INVITE does that.`);
  return { host, identity };
}

/** All instances draining, told to the bridge, and time for callers to leave; bounded by a lease and the drain time. */
async function leaveMesh(parts: {
  supervisor: Supervisor;
  settings: Settings;
  clock: Clock;
  log: Logger;
  told: () => Promise<boolean>;
}): Promise<void> {
  const { supervisor, settings, clock, log, told } = parts;
  const serving = supervisor.status().some(({ inMesh }) => inMesh === 'passing');
  await supervisor.drainAll();
  const heard = await told();
  log.info({ instances: supervisor.instances().length, told: heard }, 'leaving the mesh');
  if (serving) await sleep(clock, settings.drainMs);
}

/** What the promise gives, or false when it takes longer. */
async function within(clock: Clock, promise: Promise<boolean>, ms: number): Promise<boolean> {
  const late = new AbortController();
  const outcome = await Promise.race([promise, sleep(clock, ms, late.signal).then(() => false)]);
  late.abort();
  return outcome;
}
