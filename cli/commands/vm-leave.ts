import { Command } from 'commander';

import { writeVariableFiles } from '../../agent/instances/variable-files.ts';
import { removeDrains } from '../../agent/instances/drain-file.ts';
import { type Definition, readDefinitions } from '../../agent/instances/definitions.ts';
import { instanceId } from '../../agent/machine/instance-id.ts';
import { BridgeRefusal, makeBridgeClient } from '../../agent/bridge-client.ts';
import { type LocalClient, localClient } from '../../agent/local-api/client.ts';
import { machineRun } from '../../agent/membership/machine-run.ts';
import { Problem, messageOf } from '../../base/problem.ts';
import { type Settings, apiSocket, definitionsFolder, readSettings } from '../../agent/machine/settings.ts';
import { type State, openState } from '../../agent/state/state.ts';
import type { AgentStatus } from '../../agent/local-api/status.ts';
import { hasAgentUnit, removeAgentUnit } from '../vm/agent-unit.ts';
import { closeDoors, forgetDoors } from '../vm/close-doors.ts';
import { removeDefinitions, removeInstance } from '../vm/definition-file.ts';
import { removeDoorUnits } from '../vm/door-units.ts';
import { unsetResolved } from '../vm/resolved.ts';
import { parseDuration } from '../vm/duration.ts';

interface LeaveFlags {
  all?: boolean;
  wait: string;
}

const LIMITS = { connectMs: 5000, answerMs: 20_000 };

/** `landbridge vm leave`: the opposite of join. */
export function vmLeaveCommand(): Command {
  return new Command('leave')
    .description('take services of this machine, or single instances of them, out of the mesh for good')
    .argument('[services...]', 'SERVICE, or SERVICE:PORT or the id of an instance')
    .option('--all', 'all services; the machine is forgotten, its state and its unit are removed')
    .option('--wait <duration>', 'how long callers get to leave', '3s')
    .action(async (services: string[], flags: LeaveFlags) => {
      if (flags.all ? services.length > 0 : services.length === 0)
        throw new Problem('Say which services leave, or --all.');
      const settings = readSettings(process.env);
      const state = openState(settings.stateDir);
      if ((await state.readHost()) === undefined)
        throw new Problem(`This machine has not joined (nothing in ${settings.stateDir}).`);
      const agent = localClient(apiSocket(settings));
      const waitMs = parseDuration(flags.wait);
      if (flags.all) await leaveAll(settings, state, agent, waitMs);
      else for (const target of services) await leaveOne(target, settings, state, agent, waitMs);
    });
}

async function leaveOne(
  target: string,
  settings: Settings,
  state: State,
  agent: LocalClient,
  waitMs: number,
): Promise<void> {
  const folder = definitionsFolder(settings);
  const { definitions } = await readDefinitions(folder, new Map());
  const { host = '' } = (await state.readHost()) ?? {};
  const { service, port, isLast } = whoLeaves([...definitions.values()], host, target, folder);
  const runs = await statusOf(agent);
  if (port !== undefined && !isLast) {
    if (runs) await agent.drain(target, waitMs);
    // The agent's next beat leaves the instance out, and the bridge takes it out of the mesh.
    await removeInstance(folder, service, port);
    await openDoors(settings);
    if (runs) await agent.reload();
    process.stdout.write(`left ${target}\n`);
    return;
  }
  if (runs) await agent.drain(service, waitMs);
  // From here on the bridge refuses what the agent still says of it, so that nothing comes back.
  await tellBridge(settings, state, [service], runs?.run).catch((error: unknown) => {
    throw new Problem(
      `${service} has not left: ${messageOf(error)} It is drained; try again, or landbridge vm undrain ${service}.`,
    );
  });
  await removeDefinitions(folder, [service]);
  await openDoors(settings);
  if (runs) await agent.reload();
  process.stdout.write(`left ${service}\n`);
}

interface Leaving {
  service: string;
  /** undefined: the whole service. */
  port: number | undefined;
  /** No other instance of the service is on this machine. */
  isLast: boolean;
}

/** The service or instance that a word of the user means, by the files of services.d. Throws a Problem that names what there is. */
export function whoLeaves(definitions: Definition[], host: string, target: string, folder: string): Leaving {
  for (const { service, instances } of definitions) {
    if (service === target) return { service, port: undefined, isLast: true };
    const found = instances.find(({ port }) =>
      [`${service}:${port}`, instanceId(service, host, port)].includes(target),
    );
    if (found !== undefined) return { service, port: found.port, isLast: instances.length === 1 };
  }
  const here = definitions.flatMap(({ service, instances }) => instances.map(({ port }) => `${service}:${port}`));
  throw new Problem(
    `No service and no instance called ${target} is in ${folder}. There are: ${here.join(', ') || 'none'}.`,
  );
}

async function leaveAll(settings: Settings, state: State, agent: LocalClient, waitMs: number): Promise<void> {
  const runs = await statusOf(agent);
  if (runs) await agent.drain('all', waitMs);
  const failure = await tellBridge(settings, state, [], runs?.run).then(
    () => undefined,
    (error: unknown) => (isOfAnother(error) ? undefined : messageOf(error)),
  );
  if (hasAgentUnit()) {
    await unsetResolved();
    await removeDoorUnits();
    await removeAgentUnit();
  } else if (runs) await agent.stop();
  const services = await removeDefinitions(definitionsFolder(settings), 'all');
  await state.clear();
  await removeDrains(settings.runtimeDir);
  sayOpen(isRoot() ? await forgetDoors(settings) : undefined);
  await writeVariableFiles(settings.runtimeDir, []);
  process.stdout.write(`left ${services.join(', ') || 'with no service'}; this machine is no member any more\n`);
  if (failure !== undefined)
    throw new Problem(
      `The bridge does not know yet: ${failure} It takes the instances out when the lease ends; landbridge vm revoke does it now.`,
    );
}

const isRoot = (): boolean => process.geteuid?.() === 0;

/** The ports of what has left are nobody's to close. An agent without root closed none, and root's part opens them else. */
async function openDoors(settings: Settings): Promise<void> {
  if (isRoot()) sayOpen((await closeDoors(settings)).problem);
}

function sayOpen(problem: string | undefined): void {
  if (problem !== undefined) process.stderr.write(`warning: ${problem}\n`);
}

/** undefined: it does not run. */
const statusOf = (agent: LocalClient): Promise<AgentStatus | undefined> => agent.status().catch(() => undefined);

/** This machine is a copy of another, which the bridge goes by: there is nothing of this one to take out. */
const isOfAnother = (error: unknown): boolean => error instanceof BridgeRefusal && error.code === 'hostClaimed';

async function tellBridge(settings: Settings, state: State, services: string[], run?: string): Promise<void> {
  const [host, identity] = [await state.readHost(), await state.readIdentity()];
  if (host === undefined || identity === undefined) throw new Problem('the state of this machine is not complete');
  const client = makeBridgeClient({ bridges: host.bridges, credentials: identity, limits: () => LIMITS });
  try {
    await client.post('/v1/leave', {
      services,
      run: { id: run ?? (await machineRun(settings.runtimeDir)), leaves: true },
    });
  } finally {
    client.close();
  }
}
