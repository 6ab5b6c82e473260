import { Command } from 'commander';
import type { RevokeAnswer } from '../../mesh/outside/bridge-api.ts';
import { type BridgeFlags, askBridge, bridgeAccess, withBridgeFlags } from '../bridge-admin.ts';

/** `landbridge vm revoke`: the machine's key may never come back, and its instances go at once. */
export function vmRevokeCommand(): Command {
  return withBridgeFlags(new Command('revoke'))
    .description('shut a machine out: its instances go, its connections are cut, its key may not come back')
    .argument('<host>', 'name of the machine, as landbridge vm list shows it')
    .requiredOption('--site <site>', 'its site')
    .action(async (host: string, flags: BridgeFlags & { site: string }) => {
      const { site } = flags;
      const answer = await askBridge<RevokeAnswer>(await bridgeAccess(flags), 'POST', '/v1/revoke', { host, site });
      const cut = answer.connections === 1 ? 'one connection' : `${answer.connections} connections`;
      process.stdout.write(`revoked ${host} of site ${site}: ${cut} cut, its instances are out of the mesh\n`);
      for (const problem of answer.problems) process.stderr.write(`warning: ${problem}\n`);
    });
}
