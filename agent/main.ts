import { mkdir } from 'node:fs/promises';

import { type Logger, pino } from 'pino';

import { agentApi } from './agent-api.ts';
import { type BeatLoop, startBeats } from './membership/beat-loop.ts';
import { BridgeRefusal } from './bridge-client.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { Doors } from './doors/doors.ts';
import { followDefinitions } from './instances/follow-definitions.ts';
import { serveLocalApi } from './local-api/server.ts';
import { localClient } from './local-api/client.ts';
import { machineRun } from './membership/machine-run.ts';
import { Membership } from './membership/membership.ts';
import { startNames } from './names/names.ts';
import { Problem } from '../base/problem.ts';
import { programDigest } from './machine/program-digest.ts';
import { endStrays } from './envoy/process-record.ts';
import { probePods } from './reach/probe-pods.ts';
import { type Settings, apiSocket, definitionsFolder, readSettings } from './machine/settings.ts';
import { type HostState, type Identity, type State, openState } from './state/state.ts';
import { Supervisor } from './membership/supervisor.ts';
import { tellBridge } from './membership/tell-bridge.ts';
import { followEnvoyBinary } from './instances/upgrade-envoys.ts';

/** How long a bridge may stay silent before something that waits for it goes on without. */
const TELL_MS = 10_000;

/**
 * The agent of one machine, until the signal is aborted: then its instances leave the mesh, callers get time to notice,
 * and its Envoys end. Throws a Problem when this machine has not joined, its state is damaged, or an agent runs already.
 */
export async function runAgent(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<void> {
  const settings = readSettings(env);
  // Before anybody can put another program in its place.
  const program = programDigest();
  const log = pino({ level: settings.logLevel });
  const [clock, random] = [systemClock, Math.random];
  const state = openState(settings.stateDir);
  const { host, identity } = await readMembership(state);
  await mustBeAlone(settings);
  await mkdir(settings.runtimeDir, { recursive: true, mode: 0o750 });
  const strays = await endStrays(settings.runtimeDir, clock);
  if (strays.length > 0) log.warn({ pids: strays }, 'ended Envoys that an agent before this one left behind');

  /** Asked to stop over the local API. */
  const stop = new AbortController();
  /** The mesh has been left. */
  const left = new AbortController();
  let beating: BeatLoop | undefined;
  const urgent = (): void => beating?.soon();
  const run = await machineRun(settings.runtimeDir);
  const doors = new Doors({ settings, clock, log, settled: () => supervisor.doorsSettled() });
  const supervisor = await Supervisor.open({ settings, state, host, run, clock, random, log, urgent, doors });
  const { exchange } = supervisor;
  const member = new Membership(host, identity, {
    state,
    exchange,
    supervisor,
    clock,
    log,
    onHungUp: () => beating?.hungUp(),
  });
  const names =
    settings.dns &&
    (await startNames({
      at: settings.dns,
      state,
      ask: (question) => member.askName(question),
      upstreams: () => exchange.boundPlans().flatMap(({ upstreams }) => upstreams),
      clock,
      log,
    }));
  try {
    const definitions = await followDefinitions({
      folder: definitionsFolder(settings),
      apply: (said) => supervisor.apply(said),
      clock,
      log,
      signal: left.signal,
    });
    const beats = startBeats({
      clock,
      random,
      leaseMs: () => exchange.leaseMs(),
      send: () => member.beat(),
      failed: (message) => member.failed(message),
      final: (error) => error instanceof BridgeRefusal && error.status < 500,
    });
    beating = beats;
    left.signal.addEventListener('abort', beats.stop);
    const told = (): Promise<boolean> => within(clock, beats.told(), Math.min(exchange.leaseMs(), TELL_MS));
    const upgrades = followEnvoyBinary({
      path: settings.envoy,
      instances: () => supervisor.instances(),
      clock,
      log,
      signal: left.signal,
    });
    void probePods({ ask: (results) => member.probe(results), clock, random, log, signal: left.signal });
    const machineProblems = (): string[] => [names?.deaf() ?? [], state.problem() ?? []].flat();
    tellBridge({ supervisor, doors, member, machineProblems, clock, log, signal: left.signal });
    const parts = {
      settings,
      state,
      run,
      program,
      supervisor,
      doors,
      member,
      names,
      definitions,
      upgrades,
      clock,
      told,
      urgent,
      stop,
      left: left.signal,
    };
    const api = agentApi(parts);
    await serveLocalApi(apiSocket(settings), api, left.signal);
    log.info({ host: host.host, site: host.site, bridges: host.bridges }, 'agent runs');

    await aborted(AbortSignal.any([signal, stop.signal]));
    await leaveMesh({ supervisor, settings, clock, log, told });
  } finally {
    left.abort();
    await names?.close();
    await doors.stop();
    await supervisor.stop();
    member.close();
    log.info('agent ends');
  }
}

const aborted = (signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', resolve, { once: true });
  });

/** A second agent would take the Envoys of the first for strays, and end them. */
async function mustBeAlone(settings: Settings): Promise<void> {
  const runs = await localClient(apiSocket(settings), 2000)
    .status()
    .then(
      () => true,
      () => false,
    );
  if (runs) throw new Problem('An agent runs on this machine already: systemctl status landbridge-agent shows it.');
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
  if (serving) await clock.wait(settings.drainMs);
}

/** The result of the promise, or false when it takes longer. */
async function within(clock: Clock, promise: Promise<boolean>, ms: number): Promise<boolean> {
  const late = new AbortController();
  const outcome = await Promise.race([promise, clock.wait(ms, late.signal).then(() => false)]);
  late.abort();
  return outcome;
}
