import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { askedFile } from '../../agent/doors/door-files.ts';
import { type Settings, definitionsFolder, readSettings } from '../../agent/machine/settings.ts';
import { execStart, run, thisProgram } from './agent-unit.ts';
import { tableFile } from './close-doors.ts';
import { publicFile, publicFolder } from './public-file.ts';

const FOLDER = '/etc/systemd/system';
const [PATH, SERVICE, BOOT] = ['landbridge-doors.path', 'landbridge-doors.service', 'landbridge-doors-boot.service'];
/** Units that take all tables away when they start, or may. Our table is set again right after. */
const FIREWALLS = [
  'nftables.service',
  'firewalld.service',
  'ufw.service',
  'netfilter-persistent.service',
  'iptables.service',
];

/**
 * The units that close ports, by name. The agent has no right to do it, so it writes down what it wants, and root does it as far
 * as it finds it right.
 *
 * | unit     | when                                        | does                                                    |
 * |----------|---------------------------------------------|---------------------------------------------------------|
 * | path     | the agent asks, or services.d changes       | starts the service                                      |
 * | service  |                                             | `landbridge vm doors`                                   |
 * | boot     | before the network is up; after a firewall  | the rules that were in force, by nft alone: the machine |
 * |          | of the system has started                   | is not open until an agent runs                         |
 */
export function doorUnits(command: string[], settings: Settings): Record<string, string> {
  const table = tableFile(settings);
  return {
    [PATH!]: `[Unit]
Description=Landbridge: closes ports of apps when the agent asks for it

[Path]
PathChanged=${askedFile(settings)}
PathChanged=${definitionsFolder(settings)}

[Install]
WantedBy=multi-user.target
`,
    [SERVICE!]: `[Unit]
Description=Landbridge: closes ports of apps to all but this machine
# However often the agent asks: a limit would end the path unit, and nobody would hear the agent any more.
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=${execStart([...command, 'vm', 'doors'])}
TimeoutStartSec=60
# It writes rules, and reads the agent's folder; nothing else of root's is needed.
CapabilityBoundingSet=CAP_NET_ADMIN CAP_DAC_READ_SEARCH
NoNewPrivileges=yes
StateDirectory=landbridge-doors
StateDirectoryMode=0755
UMask=0022
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
`,
    [BOOT!]: `[Unit]
Description=Landbridge: closes the ports of apps that were closed before
DefaultDependencies=no
RequiresMountsFor=${settings.doorsDir}
ConditionPathExists=${table}
After=${FIREWALLS.join(' ')}
Before=network-pre.target shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin exec nft -f ${table}'

[Install]
WantedBy=multi-user.target ${FIREWALLS.join(' ')}
`,
  };
}

/** Writes the units, and lets the machine close ports now and at every boot. */
export async function installDoorUnits(): Promise<void> {
  const settings = readSettings({});
  await publicFolder(settings.doorsDir);
  for (const [name, text] of Object.entries(doorUnits(thisProgram(), settings)))
    await publicFile(join(FOLDER, name), text);
  await run('systemctl', ['daemon-reload']);
  await run('systemctl', ['enable', BOOT!]);
  await run('systemctl', ['enable', '--now', PATH!]);
}

/** Takes the units away. Closed ports stay closed. Without units nothing is done. */
export async function removeDoorUnits(): Promise<void> {
  const there = [PATH!, SERVICE!, BOOT!].filter((name) => existsSync(join(FOLDER, name)));
  if (there.length === 0) return;
  await run('systemctl', ['disable', '--now', ...there.filter((name) => name !== SERVICE)]);
  if (there.includes(SERVICE!)) await run('systemctl', ['stop', SERVICE!]);
  for (const name of there) await rm(join(FOLDER, name), { force: true });
  await run('systemctl', ['daemon-reload']);
}
