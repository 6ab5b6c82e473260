import { execFile } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';

import { Problem } from '../../base/problem.ts';
import { publicFile } from './public-file.ts';

export const AGENT_UNIT = 'landbridge-agent.service';
export const AGENT_USER = 'landbridge';
const UNIT_PATH = `/etc/systemd/system/${AGENT_UNIT}`;
const SYSUSERS_PATH = '/etc/sysusers.d/landbridge.conf';

/** How systemd starts a command. */
export const execStart = (command: string[]): string => command.map(quote).join(' ');

/** sd_booted(3): this machine was booted with systemd. */
export const hasSystemd = (): boolean => existsSync('/run/systemd/system');

/** The command that runs this very program again, whether it is the bundle or its source. */
export function thisProgram(): string[] {
  const script = process.argv[1];
  if (script === undefined) throw new Error('started without a script');
  // It lies in the cache of one user, which no unit may read.
  if (process.env.LANDBRIDGE_SINGLE_FILE)
    throw new Problem(
      `${process.env.LANDBRIDGE_SINGLE_FILE} is the CLI as one file, which cannot be an agent: paste the whole line of landbridge vm invite, or install the package landbridge-agent`,
    );
  return [process.execPath, ...process.execArgv, realpathSync(script)];
}

/**
 * The unit of the agent. It needs no privilege: its files belong to its own user, its ports are above 1023, and its
 * Envoys are its children. Options: systemd.exec(5), systemd.kill(5).
 */
export function agentUnit(command: string[], environment: Record<string, string>): string {
  const settings = Object.entries(environment).map(([name, value]) => `Environment=${quote(`${name}=${value}`)}`);
  return `[Unit]
Description=Landbridge agent: joins the services of this machine to the mesh
Wants=network-online.target
After=network-online.target
# It must come back however often it fails.
StartLimitIntervalSec=0

[Service]
User=${AGENT_USER}
Group=${AGENT_USER}
ExecStart=${execStart([...command, 'agent', 'run'])}
${settings.map((line) => `${line}\n`).join('')}Restart=always
RestartSec=1
# SIGTERM to the agent alone: it tells the mesh, waits until callers have left, and ends its Envoys itself.
KillMode=mixed
TimeoutStopSec=30
StateDirectory=landbridge
StateDirectoryMode=0750
RuntimeDirectory=landbridge
RuntimeDirectoryMode=0750
# The record of running Envoys must be there for the agent after a crash.
RuntimeDirectoryPreserve=yes
UMask=0027
LimitNOFILE=65536
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
`;
}

/** Quoted as systemd.syntax(7) wants it: % and $ mean something to it. */
function quote(word: string): string {
  const plain = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[\w@%+=:,./$-]+$/.test(plain) ? plain : `"${plain.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** The agent's user; made when it is not there. */
export async function agentOwner(): Promise<{ uid: number; gid: number }> {
  await publicFile(SYSUSERS_PATH, `u ${AGENT_USER} - "Landbridge agent" /var/lib/landbridge\n`);
  if (!(await isUser(AGENT_USER))) await makeUser();
  const [uid, gid] = [Number(await run('id', ['-u', AGENT_USER])), Number(await run('id', ['-g', AGENT_USER]))];
  return { uid, gid };
}

const isUser = (user: string): Promise<boolean> =>
  run('id', ['-u', user]).then(
    () => true,
    () => false,
  );

/** Not every machine with systemd has systemd-sysusers. */
async function makeUser(): Promise<void> {
  const failed = await run('systemd-sysusers', [SYSUSERS_PATH]).then(
    () => undefined,
    (error: unknown) => error as Problem,
  );
  if (failed === undefined) return;
  await run('useradd', [
    '--system',
    '--user-group',
    '--no-create-home',
    '--home-dir',
    '/var/lib/landbridge',
    AGENT_USER,
  ])
    // The error of systemd-sysusers is nearer to the cause.
    .catch(() => Promise.reject(failed));
}

/** Writes the unit, and starts it now and at every boot. One that runs goes on running. */
export async function installAgentUnit(environment: Record<string, string>): Promise<void> {
  await publicFile(UNIT_PATH, agentUnit(thisProgram(), environment));
  await run('systemctl', ['daemon-reload']);
  await run('systemctl', ['enable', '--now', AGENT_UNIT]);
}

/** Ends the agent, which drains, and starts it again. */
export async function restartAgentUnit(): Promise<void> {
  await run('systemctl', ['restart', AGENT_UNIT]);
}

/** Stops the agent, which drains, and takes its unit away. */
export async function removeAgentUnit(): Promise<void> {
  if (!existsSync(UNIT_PATH)) return;
  await run('systemctl', ['disable', '--now', AGENT_UNIT]);
  await rm(UNIT_PATH, { force: true });
  await run('systemctl', ['daemon-reload']);
}

export const hasAgentUnit = (): boolean => hasSystemd() && existsSync(UNIT_PATH);

export async function run(command: string, args: string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(command, args, { timeout: 60_000 });
    return stdout;
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    throw new Problem(`${command} ${args.join(' ')} failed: ${(stderr || message).trim().split('\n').at(-1)}`);
  }
}
