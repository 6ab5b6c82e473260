import { createInterface } from 'node:readline/promises';
import { Command } from 'commander';
import type { AdoptAnswer } from '../../mesh/outside/bridge-api.ts';
import { type BridgeFlags, askBridge, bridgeAccess, withBridgeFlags } from '../bridge-admin.ts';
import { checkFlag } from '../vm/check-flag.ts';

interface AdoptFlags extends BridgeFlags {
  site: string;
  name?: string;
  check?: string;
  yes: boolean;
}

/** `landbridge adopt`: turns a service that a person registered in Consul by hand into an instance of the bridge. */
export function adoptCommand(): Command {
  return withBridgeFlags(new Command('adopt'))
    .description('take over an instance that was registered in Consul by hand: shows what it would do, and asks')
    .argument('<node>', 'Consul node that it is registered on; landbridge vm list --all shows it as HOST')
    .argument('<id>', 'its service ID')
    .option('--site <site>', 'where it is', 'external')
    .option('--name <name>', 'name of the instance from now on; default: its service ID')
    .option('--check <check>', 'http:PATH, tcp or grpc[:SERVICE]; default: as it is checked now')
    .option('-y, --yes', 'do not ask', false)
    .action(async (node: string, id: string, { site, name, check, yes, ...flags }: AdoptFlags) => {
      const access = await bridgeAccess(flags);
      const asked = { node, id, site, ...(name && { name }), ...(check && { check: checkFlag(check) }) };
      const ask = (planOnly: boolean) => askBridge<AdoptAnswer>(access, 'POST', '/v1/adopt', { ...asked, planOnly });
      const { plan } = await ask(true);
      process.stdout.write(plan.map((line) => `${line}\n`).join(''));
      if (!yes && !(await agreed())) {
        process.stdout.write('nothing was done; --yes does it without asking\n');
        return;
      }
      const done = await ask(false);
      process.stdout.write(`adopted ${done.name} at site ${done.site}: ${done.health} (${done.output})\n`);
    });
}

async function agreed(): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await terminal.question('Take it over? [y/N] ')).trim());
  } finally {
    terminal.close();
  }
}
