import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { load as parse } from 'js-yaml';
import { valuesFile } from '../../lab/paths.ts';
import { type RunningLab, runningLab } from '../../lab/running.ts';
import { renewDisk } from '../../lab/sample/install.ts';
import { NAMESPACE } from '../../mesh/installation.ts';
import { type Helm, helmWithChart } from '../support/helm.ts';
import { labContents } from '../support/lab-contents.ts';

const RELEASE = 'landbridge';
/** The bar: from `helm install` until everything can be used, with the images on the nodes. */
const READY_MS = 60_000;
/** The life of a Helm release on the lab, with its machines and its sample. It takes the installation away. */
describe('helm, with the installation of the lab', function () {
  this.timeout(300_000);
  let lab: RunningLab;
  let helm: Helm;
  const values = (): object => parse(readFileSync(valuesFile, 'utf8')) as object;
  before(async () => {
    lab = await runningLab();
    helm = await helmWithChart();
  });
  after(() => helm?.remove());

  const release = async (command: string, more: string[] = [], input?: object): Promise<string> => {
    const of = [RELEASE, ...(input === undefined ? [] : [helm.directory, '-f', await helm.valuesFile(input)])];
    return helm.run(command, ...of, '--kubeconfig', lab.cluster.kubeconfig, '--timeout', '3m', ...more);
  };
  const podsNow = async (): Promise<string[]> => {
    const parts = ['-l', 'app.kubernetes.io/component in (consul,operator,bridge)'];
    const uids = ['-o', 'jsonpath={.items[*].metadata.uid}'];
    return (await lab.cluster.kubectl(['get', 'pods', '-n', NAMESPACE, ...parts, ...uids])).split(' ');
  };
  it('takes over what `landbridge install` made, and replaces no pod for it', async () => {
    const old = await podsNow();
    await release('install', ['--take-ownership', '--force-conflicts', '--wait'], values());
    expect(await podsNow()).to.have.members(old);
    const refused = await lab.landbridge(['upgrade', '-f', valuesFile]).catch((error: Error) => error.message);
    expect(refused).to.include(`belongs to the Helm release ${RELEASE}`);
  });

  it('passes helm test', async () => {
    expect(await release('test')).to.match(/Phase:\s+Succeeded/);
  });

  it('uninstalls, and leaves nothing of what was there', async () => {
    const contents = labContents(lab);
    expect(await contents.inKubernetes()).to.include.members(['Deployment/landbridge-operator', 'MeshService/add-svc']);
    // The fields are still counted to whom they are taken over from.
    await release('upgrade', ['--wait', '--force-conflicts'], { ...values(), crds: { keep: false } });
    await release('uninstall', ['--wait']);
    expect(await contents.inKubernetes()).to.deep.equal([]);
  });

  it('installs anew: everything can be used within 60 s, and passes helm test', async () => {
    await renewDisk(lab.engine, lab.cluster);
    const start = performance.now();
    await release('install', ['--wait', '--wait-for-jobs'], { ...values(), crds: { keep: false } });
    const ms = performance.now() - start;
    console.log(`    ready after ${(ms / 1000).toFixed(1)} s`);
    expect(await release('test')).to.match(/Phase:\s+Succeeded/);
    expect(ms).to.be.below(READY_MS);
    const checks = JSON.parse(await lab.landbridge(['check', '-o', 'json'])) as { check: string; result: string }[];
    expect(checks.filter(({ result }) => result === 'failed')).to.deep.equal([]);
    await release('uninstall', ['--wait']);
    expect(await labContents(lab).inKubernetes()).to.deep.equal([]);
  });
});
