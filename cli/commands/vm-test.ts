import { Command } from 'commander';

import { localClient } from '../../agent/local-api/client.ts';
import { apiSocket, readSettings } from '../../agent/machine/settings.ts';
import { selfTestText } from '../vm/self-test-text.ts';

/** `landbridge vm test`: both directions, for each instance of this machine. Exits with 1 when one fails. */
export function vmTestCommand(): Command {
  return new Command('test')
    .description('try the mesh from this machine: mesh -> each instance, each instance -> each upstream')
    .action(async () => {
      const { findings } = await localClient(apiSocket(readSettings(process.env))).test();
      process.stdout.write(findings.length === 0 ? 'nothing to try: no instances\n' : selfTestText(findings));
      if (findings.some(({ ok }) => !ok)) process.exitCode = 1;
    });
}
