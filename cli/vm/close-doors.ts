import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { atomicWrite } from '../../agent/machine/atomic-write.ts';
import { type DoorsState, askedFile, readAsked, readDoorsState, stateFile } from '../../agent/doors/door-files.ts';
import { messageOf } from '../../base/problem.ts';
import { ownAddresses } from '../../base/proc-net.ts';
import type { Settings } from '../../agent/machine/settings.ts';
import { type Answer, NO_TABLE, closingTable } from '../../mesh/doors/nft-table.ts';
import { closablePorts } from '../../mesh/doors/closable-ports.ts';
import { joinedPorts, loginPorts } from './joined-ports.ts';
import { type Ran, endConnections, nft } from './nft.ts';
import { publicFolder } from './public-file.ts';

const READABLE = { mode: 0o644 };
const NO_NFT = 'nft is not on this machine: install the package nftables, the ports are closed within a minute then';

/** The rules that are in force, for the next boot. Root's, in a folder of root's. */
export const tableFile = ({ doorsDir }: Pick<Settings, 'doorsDir'>): string => join(doorsDir, 'table.nft');

/**
 * Root's part: closes what the agent asks for, as far as it is an app port that root let join, and opens the other ones. A port that nobody names stays as it was. A second run changes nothing. Prints the result, and writes it down for the agent.
 */
export async function closeDoors(settings: Settings): Promise<DoorsState> {
  const before = await readDoorsState(settings);
  const problems: string[] = [];
  const asked = await readAsked(settings).catch((error: unknown) => {
    problems.push(`what the agent asks cannot be read: ${messageOf(error)}`);
    return undefined;
  });
  const closedBefore = before?.closed ?? [];
  const { ports, problems: unread } = await joinedPorts(settings);
  // A slip of an editor in services.d opens nothing: the earlier ports count until the file is right again.
  const joined = unread.length === 0 ? ports : new Set([...ports, ...closedBefore]);
  const kept = closedBefore.filter((port) => joined.has(port) && !asked?.open.includes(port));
  const judged = closablePorts({
    asked: [...(asked?.close ?? []), ...kept],
    joined,
    logins: await loginPorts(),
    own: new Set(settings.dns === undefined ? [] : [settings.dns.port]),
  });
  const failed = await enforce(settings, judged.closed);
  if (failed !== undefined) problems.unshift(failed);
  const because = unread.length === 0 ? '' : ` (${unread.join('; ')})`;
  const state: DoorsState = {
    closed: failed === undefined ? judged.closed : closedBefore,
    refused: judged.refused.map(({ port, why }) => ({
      port,
      why: `${why}${ports.has(port) ? '' : because}`.slice(0, 1000),
    })),
    ...(problems.length === 0 ? {} : { problem: problems.join('; ').slice(0, 1000) }),
  };
  const nothing = state.closed.length === 0 && state.refused.length === 0 && problems.length === 0;
  if (nothing && before === undefined && asked === undefined) return state;
  await publicFolder(settings.doorsDir);
  await atomicWrite(stateFile(settings), `${JSON.stringify(state)}\n`, READABLE);
  return state;
}

/** Takes away the rules and all that was written down about them. Gives why it could not. */
export async function forgetDoors(settings: Settings): Promise<string | undefined> {
  const failed = await enforce(settings, []);
  for (const file of [tableFile(settings), stateFile(settings), askedFile(settings)]) await rm(file, { force: true });
  return failed;
}

async function enforce(settings: Settings, ports: readonly number[]): Promise<string | undefined> {
  if (ports.length === 0) {
    // Where no rules were ever set, nft is not even started: it would load modules of the kernel.
    if (!existsSync(tableFile(settings))) return undefined;
    const ran = await nft(NO_TABLE);
    if (!ran.ok && !ran.absent) return `the rules could not be taken away: ${ran.problem}`;
    await rm(tableFile(settings), { force: true });
    return undefined;
  }
  let ran: Ran | undefined;
  for (const answer of ['reset', 'drop'] satisfies Answer[]) {
    const rules = closingTable(ports, answer);
    ran = await nft(rules);
    if (ran.absent) return NO_NFT;
    if (!ran.ok) continue;
    await publicFolder(settings.doorsDir);
    await atomicWrite(tableFile(settings), rules, READABLE);
    await endConnections(ports, ownAddresses());
    return undefined;
  }
  return `nft does not take the rules (${ran?.problem}): see docs/troubleshooting.md, A port of a machine is not closed`;
}
