import { expect } from 'chai';
import { loadAll } from 'js-yaml';
import { readFileSync } from 'node:fs';
import type { KubeObject } from '../../clients/kube/object.ts';
import { valuesFile } from '../../lab/paths.ts';
import { type RunningLab, runningLab } from '../../lab/running.ts';
import { labContents } from '../support/rigs/lab-contents.ts';

/** Takes the installation of the lab away: run on its own, after everything else. */
describe('landbridge uninstall', function () {
  this.timeout(240_000);
  let lab: RunningLab;
  let contents: ReturnType<typeof labContents>;
  before(async () => {
    lab = await runningLab();
    contents = labContents(lab);
  });

  it('leaves no object of any kind, no webhook, no CRD, no volume claim and no server of Consul', async () => {
    const values = readFileSync(valuesFile, 'utf8');
    const manifest = loadAll(await lab.landbridge(['manifests', '-f', '-'], { input: values })) as KubeObject[];
    const before = await contents.inKubernetes();
    expect(before, 'the list sees what the manifest has').to.include.members(
      manifest.map(({ kind, metadata }) => `${kind}/${metadata.name}`),
    );
    const consul = await contents.inConsul();
    for (const [what, list] of Object.entries(consul)) expect(list, `${what} in Consul`).not.to.deep.equal([]);
    expect(consul['nodes']!.join('\n')).to.include('k8s.lab.cluster');

    const corefile = (): Promise<string> =>
      lab.cluster.kubectl(['get', 'configmap', 'coredns', '-n', 'kube-system', '-o', 'jsonpath={.data.Corefile}']);
    const corefileBefore = await corefile();
    expect(corefileBefore).to.include('consul:53 {');

    const said = await lab.landbridge(['uninstall', '--yes'], { timeoutMs: 180_000 });
    expect(said).to.match(/nothing is left$/);
    expect(await contents.inKubernetes()).to.deep.equal([]);
    const rest = corefileBefore.slice(0, corefileBefore.indexOf('# landbridge'));
    expect((await corefile()).trim(), 'what others have in the Corefile, and nothing else').to.equal(rest.trim());
    expect(await lab.landbridge(['uninstall', '--yes'])).to.equal('nothing of Landbridge is here');
  });
});
