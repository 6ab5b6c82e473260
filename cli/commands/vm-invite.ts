import { Command } from 'commander';
import type { InviteAnswer } from '../../mesh/bridge-api.ts';
import { type BridgeFlags, askBridge, bridgeAccess, withBridgeFlags } from '../bridge-admin.ts';

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600 };

/** `landbridge vm invite`: one word that lets one machine join, once. */
export function vmInviteCommand(): Command {
  return withBridgeFlags(new Command('invite'))
    .description('make an invite: one machine may join once as an instance of a service')
    .argument('<service>', 'Consul name of the service')
    .requiredOption('--site <site>', 'where the machine is; the MeshService must admit it')
    .option('--ttl <duration>', 'how long the invite can be used, 1m to 24h', '15m')
    .option('-o, --output <format>', 'text or json', 'text')
    .action(async (service: string, flags: BridgeFlags & { site: string; ttl: string; output: string }) => {
      const { site, output } = flags;
      const ttlSeconds = secondsOf(flags.ttl);
      const answer = await askBridge<InviteAnswer>(await bridgeAccess(flags), 'POST', '/v1/invites', {
        service,
        site,
        ttlSeconds,
      });
      process.stdout.write(output === 'json' ? `${JSON.stringify(answer)}\n` : inviteText(answer, service, site));
    });
}

/** Whole seconds of `90s`, `15m` or `2h`. Throws an Error. */
export function secondsOf(text: string): number {
  const match = /^(\d{1,6})(s|m|h)$/.exec(text);
  const seconds = match === null ? NaN : Number(match[1]) * UNITS[match[2]!]!;
  if (seconds >= 60 && seconds <= 86_400) return seconds;
  throw new Error(`--ttl ${text}: give 1m to 24h, for example 90s, 15m or 2h`);
}

/** The line to paste comes first and alone, so that it can be copied whole. */
export const inviteText = ({ invite, expiresAt }: InviteAnswer, service: string, site: string): string =>
  `landbridge vm join ${invite}

Paste that line on the machine, as root, with --port PORT for each instance of ${service} that runs there.
It works once, for one machine of site ${site}, until ${expiresAt}.
`;
