import { writeFile } from 'node:fs/promises';

import { Command } from 'commander';

import { instanceId } from '../../agent/machine/instance-id.ts';
import { type LocalClient, localClient } from '../../agent/local-api/client.ts';
import { urlHost } from '../../base/host-port.ts';
import { Problem } from '../../base/problem.ts';
import { programDigest } from '../../agent/machine/program-digest.ts';
import type { Finding } from '../../agent/reach/self-test.ts';
import { type Settings, apiSocket, definitionsFolder, readSettings } from '../../agent/machine/settings.ts';
import { MACHINE_SIDECAR_RANGE } from '../../mesh/names/sidecar-ports.ts';
import { decodeInvite } from '../../mesh/outside/invite.ts';
import { agentOwner, hasSystemd, installAgentUnit, restartAgentUnit, thisProgram } from '../vm/agent-unit.ts';
import { awaitPassing } from '../vm/await-passing.ts';
import { addInstances } from '../vm/definition-file.ts';
import { installDoorUnits } from '../vm/door-units.ts';
import { type InstanceFlags, withInstanceFlags } from '../vm/instance-flags.ts';
import { joinHost } from '../vm/join-host.ts';
import { replaceAgent } from '../vm/replaced-program.ts';
import { resolverAdvice, setResolved } from '../vm/resolved.ts';
import { selfTestText } from '../vm/self-test-text.ts';
import { wantedAddress, wantedHostName, wantedInstances } from '../vm/wanted-instances.ts';

interface JoinFlags extends InstanceFlags {
  systemd: boolean;
  dns: boolean;
}

const DEADLINE_MS = 30_000;

/** `landbridge vm join`: makes this machine a member, and its service an instance in the mesh. */
export function vmJoinCommand(): Command {
  return withInstanceFlags(new Command('join'))
    .description('join this machine: run as root on the machine itself')
    .argument('<invite>', 'what landbridge vm invite printed; -: it is on the standard input')
    .option('--no-systemd', 'install no unit; run the agent yourself')
    .option('--no-dns', "leave this machine's resolver alone: it will not know *.consul")
    .action(join);
}

async function join(argument: string, flags: JoinFlags): Promise<void> {
  const startedMs = performance.now();
  // It refuses a program that no unit can start, before anything is changed.
  thisProgram();
  const settings = readSettings(process.env);
  const invite = decodeInvite(argument === '-' ? await firstWord(process.stdin) : argument);
  if (invite === undefined)
    throw new Problem(
      'This is not an invite, or it was cut short: it begins with lb1. and is one long word, paste all of it.',
    );
  const { service } = invite;
  const definitions = wantedInstances(service, flags);
  const withSystemd = flags.systemd && hasSystemd();
  if (withSystemd) mustBeInstallable(settings);
  const owner = withSystemd ? await agentOwner() : undefined;
  const { host, site } = await joinHost({
    settings,
    invite,
    hostName: wantedHostName(flags.hostName),
    address: wantedAddress(flags.address),
    owner,
  });
  await addInstances(definitionsFolder(settings), service, definitions, owner);
  // The install script believes in a join when it sees this.
  const joined = process.env['LANDBRIDGE_JOINED'];
  if (joined) await writeFile(joined, '');
  const agent = localClient(apiSocket(settings));
  const replacing = { status: () => agent.status(), restart: withSystemd ? restartAgentUnit : undefined, say };
  if (withSystemd) await installDoorUnits();
  if (withSystemd) await installAgentUnit(agentEnvironment());
  await replaceAgent(replacing, programDigest());
  if (withSystemd && flags.dns && settings.dns !== undefined && !(await setResolved(settings.dns)))
    process.stdout.write(`${resolverAdvice(settings.dns)}\n`);
  const runs = await agent.reload().then(
    () => true,
    () => false,
  );
  if (!withSystemd && !runs) return sayHowToRun(service, site);

  const ids = definitions.map(({ port }) => instanceId(service, host, port));
  const { passing, failing, status } = await awaitPassing(agent, ids, DEADLINE_MS, (sentence) => {
    process.stdout.write(`${sentence}\n`);
  });
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  for (const { id, sidecarPort } of passing) {
    const at = status && urlHost(status.address);
    process.stdout.write(`joined ${service} at ${site} as ${id} (${at}:${sidecarPort}), healthy after ${seconds} s\n`);
  }
  const findings = failing.length === 0 ? await testPatiently(agent, ids) : [];
  process.stdout.write(selfTestText(findings));
  const clock = findings.find(({ instance }) => instance === '');
  if (clock !== undefined)
    throw new Problem(`This machine has joined, but ${clock.output}; landbridge vm test tries again.`);
  // Other services of the machine have joined by themselves.
  const own = findings.filter(({ instance }) => ids.includes(instance));
  const unreached = own.filter(({ ok, upstream }) => !ok && upstream === undefined);
  if (unreached.length > 0)
    throw new Problem(
      `This machine has joined, but the mesh does not reach it (${unreached.map(({ output }) => output).join('; ')}): give its address with --address, and let its sidecar ports (${MACHINE_SIDECAR_RANGE}) in, or join without --port when it only calls others; landbridge vm test tries again.`,
    );
  const stuck = [
    ...new Set(own.flatMap(({ instance, envoy }) => (envoy === undefined ? [] : `${instance}: ${envoy}`))),
  ];
  if (failing.length === 0 && stuck.length === 0) return;
  if (failing.length === 0)
    throw new Problem(
      `This machine has joined, but its Envoy cannot serve an upstream (${stuck.join('; ')}): end what listens there, or give the upstream another localPort in the MeshService; landbridge vm test tries again.`,
    );
  const reasons = failing.map(({ id, why }) => `${id}: ${why}`).join('; ');
  throw new Problem(
    `This machine has joined, but not all is healthy after ${seconds} s: ${reasons}. The agent goes on trying; landbridge vm status shows how it is.`,
  );
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

const MAX_INVITE_CHARS = 16_384;

/** Without what surrounds it. */
async function firstWord(input: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const piece of input) {
    text += piece.toString();
    if (text.length > MAX_INVITE_CHARS) break;
  }
  return text.trim().split(/\s/)[0]!;
}

/** The bridge and Envoy may have heard of each other a moment later than we. A problem that lasts for 5 s is shown. */
async function testPatiently(agent: LocalClient, ids: string[]): Promise<Finding[]> {
  const untilMs = performance.now() + 5000;
  for (let pauseMs = 250; ; pauseMs = Math.min(2 * pauseMs, 1000)) {
    const { findings } = await agent.test();
    if (findings.every(({ ok, instance }) => ok || !ids.includes(instance)) || performance.now() > untilMs)
      return findings;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

function mustBeInstallable(settings: Settings): void {
  if (process.getuid?.() !== 0)
    throw new Problem('vm join installs a systemd unit, so it must run as root: use sudo, or --no-systemd.');
  const standard = readSettings({});
  const moved =
    settings.stateDir !== standard.stateDir ||
    settings.configDir !== standard.configDir ||
    settings.runtimeDir !== standard.runtimeDir;
  if (moved)
    throw new Problem('LANDBRIDGE_STATE_DIR, _CONFIG_DIR and _RUNTIME_DIR can be moved only with --no-systemd.');
}

/** The variables of this command's environment that the agent needs as well. */
const agentEnvironment = (): Record<string, string> =>
  Object.fromEntries(
    ['LANDBRIDGE_ENVOY', 'LANDBRIDGE_LOG_LEVEL', 'LANDBRIDGE_DRAIN_MS', 'LANDBRIDGE_DNS'].flatMap((variable) => {
      const value = process.env[variable];
      return value ? [[variable, value]] : [];
    }),
  );

function sayHowToRun(service: string, site: string): void {
  process.stdout.write(
    `joined ${service} at ${site}; it is in the mesh as soon as the agent runs. Start it, and keep it running:\n  ${[...thisProgram(), 'agent', 'run'].join(' ')}\n`,
  );
}
