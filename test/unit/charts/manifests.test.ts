import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { synthesize, toYaml } from '../../../charts/synthesize.ts';
import { parseValues } from '../../../charts/values.ts';
import { manifestsCommand } from '../../../cli/commands/manifests.ts';

describe('landbridge manifests', function () {
  // Each starts a process, which a busy machine takes its time for.
  this.timeout(30_000);
  let directory: string;
  before(() => void (directory = mkdtempSync(join(tmpdir(), 'landbridge-manifests-'))));
  after(() => rmSync(directory, { recursive: true }));

  /** Its output for a values file of this text; undefined: without a file. */
  async function printed(values?: string): Promise<string> {
    const file = join(directory, 'values.yaml');
    if (values !== undefined) writeFileSync(file, values);
    const { write } = process.stdout;
    let text = '';
    process.stdout.write = ((chunk: string) => (text += chunk) !== '') as typeof write;
    try {
      await manifestsCommand().parseAsync(values === undefined ? [] : ['-f', file], { from: 'user' });
    } finally {
      process.stdout.write = write;
    }
    return text;
  }
  const refusal = (values: string): Promise<string> =>
    printed(values).then(
      () => expect.fail('it was taken') as never,
      (error: unknown) => (error as Error).message,
    );

  it('prints the chart with the defaults, and the same for an empty file or one of comments', async () => {
    const defaults = toYaml(synthesize(parseValues({})));
    for (const values of [undefined, '', '# nothing yet\n', '{}']) expect(await printed(values)).to.equal(defaults);
  });

  it('prints the chart with the values of the file', async () => {
    expect(await printed('cluster: prod')).to.equal(toYaml(synthesize(parseValues({ cluster: 'prod' }))));
  });

  it('prints nothing and names the key when a value is wrong', async () => {
    expect(await refusal('bridge: { enabld: true }')).to.include('bridge.enabld: there is no such key');
  });

  it('names the file that does not hold YAML', async () => {
    expect(await refusal('a: [')).to.match(/^the values file .*values\.yaml cannot be read: /);
    expect(await refusal('{}\n---\n{}\n')).to.include('more than one YAML document');
  });
});
