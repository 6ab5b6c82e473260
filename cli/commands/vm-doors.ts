import { Command } from 'commander';

import type { DoorsState } from '../../agent/doors/door-files.ts';
import { Problem } from '../../base/problem.ts';
import { readSettings } from '../../agent/machine/settings.ts';
import { closeDoors } from '../vm/close-doors.ts';

/** `landbridge vm doors`: root's part of mutualTLS: Strict on a machine. Its unit runs it whenever the agent asks. */
export function vmDoorsCommand(): Command {
  return new Command('doors')
    .description(
      'close the ports of apps that the agent asks to close (mutualTLS: Strict), as root: landbridge-doors.service runs it; without systemd, run it by hand',
    )
    .action(async () => {
      if (process.geteuid?.() !== 0) throw new Problem('vm doors writes rules of nftables, so it must run as root.');
      const state = await closeDoors(readSettings(process.env));
      process.stdout.write(doorsText(state));
      if (state.problem !== undefined) throw new Problem(`${state.problem}.`);
    });
}

const doorsText = ({ closed, refused }: DoorsState): string =>
  [
    closed.length === 0
      ? 'no port is closed'
      : `closed to all but this machine: ${closed.join(', ')} (nft list table inet landbridge)`,
    ...refused.map(({ why }) => why),
    '',
  ].join('\n');
