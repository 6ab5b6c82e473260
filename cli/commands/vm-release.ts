import { Command } from 'commander';
import type { BrakeAnswer } from '../../mesh/outside/bridge-api.ts';
import { type BridgeFlags, askBridge, bridgeAccess, withBridgeFlags } from '../bridge-admin.ts';

/** `landbridge vm release`: the silent machines of a site are dead, and not the network to them. */
export function vmReleaseCommand(): Command {
  return withBridgeFlags(new Command('release'))
    .description(
      'release the mass-loss brake of a site: its silent machines get one more beat, and then lose their traffic',
    )
    .requiredOption('--site <site>', 'the site')
    .option('--for <duration>', 'how long the site has no brake, up to 1h; 0s puts it back into force', '5m')
    .action(async (flags: BridgeFlags & { site: string; for: string }) => {
      const { site } = flags;
      const releaseSeconds = releaseSecondsOf(flags.for);
      const body = { site, releaseSeconds };
      const { held } = await askBridge<BrakeAnswer>(await bridgeAccess(flags), 'POST', '/v1/brake', body);
      process.stdout.write(releaseText(site, releaseSeconds, held));
    });
}

/** Whole seconds of `0s`, `90s`, `5m` or `1h`. Throws an Error. */
function releaseSecondsOf(text: string): number {
  const match = /^(\d{1,4})(s|m|h)$/.exec(text);
  const seconds = match === null ? NaN : Number(match[1]) * { s: 1, m: 60, h: 3600 }[match[2] as 's' | 'm' | 'h'];
  if (seconds <= 3600) return seconds;
  throw new Error(`--for ${text}: give 0s to 1h, for example 90s or 5m`);
}

function releaseText(site: string, releaseSeconds: number, held: string[]): string {
  if (releaseSeconds === 0) return `site ${site}: the mass-loss brake is in force again\n`;
  const who =
    held.length === 0 ? 'it held nobody' : `it held ${held.join(', ')}: those that stay silent lose their traffic`;
  return `site ${site}: no mass-loss brake for ${releaseSeconds} s; ${who}\n`;
}
