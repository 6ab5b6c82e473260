import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { CommandFailed } from '../../lab/host/exec.ts';
import { valuesFile } from '../../lab/paths.ts';
import { type RunningLab, runningLab } from '../../lab/running.ts';
import { renewDisk } from '../../lab/sample/install.ts';
import { type GuideShell, commandsOf, guide, guideShell, sectionOf } from '../support/rigs/guide.ts';
import { labContents } from '../support/rigs/lab-contents.ts';

/** The commands of docs/install.md on the lab, with its values, but for Helm's, which test/helm runs. It takes the installation away. */
describe('the guide to install, upgrade and uninstall', function () {
  this.timeout(300_000);
  let lab: RunningLab;
  let shell: GuideShell;
  let page: string;
  before(async () => {
    lab = await runningLab();
    page = await guide('install.md');
    shell = await guideShell(lab);
    await lab.landbridge(['uninstall', '--yes'], { timeoutMs: 180_000 });
    await renewDisk(lab.engine, lab.cluster);
    await copyFile(valuesFile, join(shell.folder, 'values.yaml'));
  });
  after(() => shell?.remove());

  const commands = (heading: string): string[] =>
    commandsOf(sectionOf(page, heading)).filter((line) => !line.startsWith('helm '));
  /** `--plan` ends with 2 where there is something to do. */
  const plan = (command: string | undefined): Promise<string> =>
    shell.sh(command!).then(
      () => expect.fail('there is nothing to do'),
      (error: CommandFailed) => {
        expect(error.result.code).to.equal(2);
        return error.result.stdout;
      },
    );

  it('is right before', async () => {
    expect(commands('Before')).to.deep.equal(['landbridge check --pre -f values.yaml']);
    expect(await shell.sh(commands('Before')[0]!)).not.to.include('×');
  });

  it('is right about an installation', async () => {
    const [planned, ...others] = commands('With Consul of its own');
    expect(await plan(planned)).to.match(/^\d+ to create:/);
    expect(others).to.deep.equal(['landbridge install -f values.yaml', 'landbridge check']);
    expect(await shell.sh(others.join('\n')), 'ends with the check').not.to.include('×');
  });

  it('is right about an upgrade', async () => {
    const [planned, ...others] = commands('Upgrade');
    await shell.sh("sed -i '$a logLevel: warn' values.yaml");
    expect(await plan(planned)).to.match(/~ Deployment landbridge\/landbridge-operator/);
    expect(others).to.deep.equal(['landbridge upgrade -f values.yaml', 'landbridge check']);
    expect(await shell.sh(others.join('\n'))).not.to.include('×');
  });

  it('is right about the end', async () => {
    const [planned, last] = commands('Uninstall');
    expect(await shell.sh(planned!)).to.match(/^\d+ to delete/);
    expect(last).to.equal('landbridge uninstall');
    expect(await shell.sh(`${last} --yes`)).to.match(/nothing is left$/);
    expect(await labContents(lab).inKubernetes()).to.deep.equal([]);
  });
});
