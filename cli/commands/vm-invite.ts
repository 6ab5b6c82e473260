import { Command, Option } from 'commander';
import type { InviteAnswer } from '../../mesh/outside/bridge-api.ts';
import { installCommand } from '../../mesh/outside/install-script.ts';
import { type BridgeFlags, askBridge, bridgeAccess, withBridgeFlags } from '../bridge-admin.ts';
import { FORMATS, type Format, written } from '../vm/invite-formats.ts';
import { type Format as Output, outputOption, print } from '../output.ts';
import { type InstanceFlags, withInstanceFlags, wordsOf } from '../vm/instance-flags.ts';
import { mustBeUsable } from '../vm/wanted-instances.ts';

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600 };

interface InviteFlags extends BridgeFlags, InstanceFlags {
  site: string;
  ttl: string;
  format: Format;
  output: Output;
}

/** `landbridge vm invite`: one line that makes one machine a member, once. */
export function vmInviteCommand(): Command {
  return withInstanceFlags(withBridgeFlags(new Command('invite')))
    .description('make an invite: one machine may join once as an instance of a service')
    .argument('<service>', 'Consul name of the service')
    .requiredOption('--site <site>', 'where the machine is; the MeshService must admit it')
    .option('--ttl <duration>', 'how long the invite can be used, 1m to 24h', '15m')
    .addOption(new Option('--format <format>', 'how the machine gets it').choices(FORMATS).default('line'))
    .addOption(outputOption())
    .action(async (service: string, flags: InviteFlags) => {
      const { site, output, format } = flags;
      const ttlSeconds = secondsOf(flags.ttl);
      mustBeUsable(service, flags);
      const words = wordsOf(flags);
      const answer = await askBridge<InviteAnswer>(await bridgeAccess(flags), 'POST', '/v1/invites', {
        service,
        site,
        ttlSeconds,
      });
      const data = { ...answer, command: commandOf(answer, answer.invite, words) };
      print(output, data, () => inviteText(answer, { service, site, format, words }));
    });
}

/** Whole seconds of `90s`, `15m` or `2h`. Throws an Error. */
export function secondsOf(text: string): number {
  const match = /^(\d{1,6})(s|m|h)$/.exec(text);
  const seconds = match === null ? NaN : Number(match[1]) * UNITS[match[2]!]!;
  if (seconds >= 60 && seconds <= 86_400) return seconds;
  throw new Error(`--ttl ${text}: give 1m to 24h, for example 90s, 15m or 2h`);
}

/**
 * The command for the machine: it fetches `landbridge` from the bridge, or runs the one that is installed. `invite` is the
 * invite or `-`, for the standard input.
 */
const commandOf = ({ install }: InviteAnswer, invite: string, words: string[]): string[] =>
  install === undefined
    ? ['landbridge', 'vm', 'join', invite, ...words]
    : installCommand({ ...install, inviteInFile: install.inviteInFile ?? false, words: [invite, ...words] });

export interface Invitation {
  service: string;
  site: string;
  format: Format;
  /** Flags of `landbridge vm join`. */
  words: string[];
}

/** The line to paste comes first and alone, so that it can be copied whole; a document comes alone. */
export function inviteText(answer: InviteAnswer, { service, site, format, words }: Invitation): string {
  const text = written[format](commandOf(answer, '-', words), service, answer.invite);
  if (format !== 'line') return text;
  const port = words.includes('--port') ? '' : `, with --port PORT for each instance of ${service} that runs there`;
  const needs = answer.install === undefined ? 'It needs landbridge there' : 'It needs a shell, curl and systemd there';
  return `${text}

Paste that line on the machine, as root${port}.
${needs}. It works once, for one machine of site ${site}, until ${answer.expiresAt}.
`;
}
