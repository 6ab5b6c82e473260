import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { load as parse } from 'js-yaml';
import { valuesFile } from '../../lab/paths.ts';
import { CommandFailed } from '../../lab/host/exec.ts';
import { type RunningLab, runningLab } from '../../lab/running.ts';
import { renewDisk } from '../../lab/sample/install.ts';
import { DEFAULT_MUTUAL_TLS_KEY, NAMESPACE, SECRETS } from '../../mesh/installation/installation.ts';
import { type Helm, helmWithChart } from '../support/rigs/helm.ts';
import { eventually } from '../support/eventually.ts';
import { failuresOf, underLoad } from '../support/load/load.ts';
import { type PreviousVersion, previousVersion } from '../support/rigs/previous-version.ts';
import { labContents } from '../support/rigs/lab-contents.ts';
import { makeServerDiskClass, renewServerDisk } from '../support/consul/server-disks.ts';

const RELEASE = 'landbridge';
/** The bar: from `helm install` until everything can be used, with the images on the nodes. */
const READY_MS = 60_000;
/** A click makes twelve calls, so this is more than 100 requests a second. */
const CLICKS_PER_SECOND = 10;
const CRD = 'meshservices.landbridge.dev';

/** The life of a Helm release on the lab, with its machines and its sample. It takes the installation away. */
describe('helm, with the installation of the lab', function () {
  this.timeout(300_000);
  let lab: RunningLab;
  let helm: Helm;
  let previous: PreviousVersion;
  const values = (): object => parse(readFileSync(valuesFile, 'utf8')) as object;
  before(async () => {
    lab = await runningLab();
    helm = await helmWithChart();
    previous = await previousVersion(lab.engine);
  });
  after(() => Promise.all([helm?.remove(), previous?.remove()]));

  const release = async (
    command: string,
    more: string[] = [],
    input?: object,
    chart = helm.directory,
  ): Promise<string> => {
    const of = [RELEASE, ...(input === undefined ? [] : [chart, '-f', await helm.valuesFile(input)])];
    const limit = command === 'history' ? [] : ['--timeout', '3m'];
    return helm.run(command, ...of, '--kubeconfig', lab.cluster.kubeconfig, ...limit, ...more);
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

  const outside = (): Promise<string> => lab.landbridge(['vm', 'list', '--all', '-o', 'json']);
  const members = async (): Promise<string[]> =>
    (JSON.parse(await outside()) as { instances: { id: string }[] }).instances.map(({ id }) => id).sort();
  /** Pods by their uid. */
  const meshServices = async (): Promise<Record<string, unknown>> => {
    const { items } = JSON.parse(await lab.cluster.kubectl(['get', 'meshservices', '-A', '-o', 'json'])) as {
      items: { metadata: { uid: string }; spec: unknown }[];
    };
    return Object.fromEntries(items.map(({ metadata, spec }) => [metadata.uid, spec]));
  };
  const crdDefaults = (): Promise<string> =>
    lab.cluster.kubectl(['get', 'crd', CRD, '-o', 'jsonpath={..openAPIV3Schema.properties.status.default}']);
  const failedChecks = async (): Promise<object[]> => {
    const text = await lab
      .landbridge(['check', '-o', 'json'])
      .catch((error: unknown) => (error instanceof CommandFailed ? error.result.stdout : Promise.reject(error)));
    return (JSON.parse(text) as { result: string }[]).filter(({ result }) => result === 'failed');
  };
  /** Helm waits until pods are ready. Their first looks at Consul and at each other take a moment more. */
  const inOrder = async (): Promise<void> => {
    let failed: object[] = [];
    const settled = async (): Promise<boolean> => (failed = await failedChecks()).length === 0;
    await eventually('every check is well', 30_000, settled, 1000).catch(() => undefined);
    expect(failed).to.deep.equal([]);
  };
  /** Runs Helm under load; no click fails, and every pod of ours is another afterwards. */
  const loseNothing = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    const old = await podsNow();
    const shots = await underLoad(lab.edge, async () => void (await work()), {
      perSecond: CLICKS_PER_SECOND,
      afterMs: 8000,
    });
    const lost = failuresOf(shots);
    console.log(`    ${what}: ${shots.length} clicks, ${lost.length} failed`);
    expect(lost.length, [...lost.slice(0, 10), '...', ...lost.slice(-3)].join('\n')).to.equal(0);
    expect(shots.length).to.be.greaterThan(100);
    expect((await podsNow()).filter((uid) => old.includes(uid))).to.deep.equal([]);
  };

  it('goes back to the previous version of the chart and of the program', async () => {
    await release('upgrade', ['--wait', '--force-conflicts'], previous.values(values()), previous.chart);
    expect(await crdDefaults(), 'the CRD of then').to.equal('');
    // An installation of that version has no mark, and its MeshServices have no plaintextPorts.
    const unmark = JSON.stringify({ data: { [DEFAULT_MUTUAL_TLS_KEY]: null } });
    for (const secret of [SECRETS.operator, SECRETS.bridge])
      await lab.cluster.kubectl(['patch', 'secret', secret, '-n', NAMESPACE, '--type=merge', '-p', unmark]);
    await inOrder();
  });

  it('upgrades from the previous version without a lost request; the CRD and what is stored move forward', async () => {
    const [machines, declared] = [await members(), await meshServices()];
    // A new version alone does not replace Consul; a new log level does.
    const wanted = { ...values(), logLevel: 'warn' };
    await loseNothing('upgrade', () => release('upgrade', ['--wait', '--force-conflicts'], wanted));
    expect(await crdDefaults()).to.equal('{"observedGeneration":-1}');
    expect(await members()).to.deep.equal(machines);
    const now = await meshServices();
    expect(Object.keys(now)).to.have.members(Object.keys(declared));
    expect(now, 'all that was declared; a newer CRD may have more defaults').to.containSubset(declared);
    await inOrder();
  });

  it('rolls back without a lost request, and forward again', async () => {
    const [machines, declared] = [await members(), await meshServices()];
    const back = async (): Promise<void> => void (await release('rollback', ['2', '--wait', '--force-conflicts']));
    await loseNothing('rollback', back);
    expect(await crdDefaults()).to.equal('');
    expect(await members()).to.deep.equal(machines);
    const now = await meshServices();
    expect(Object.keys(now)).to.have.members(Object.keys(declared));
    expect(declared, 'nothing but what was declared').to.containSubset(now);
    await inOrder();
    await release('rollback', ['3', '--wait', '--force-conflicts']);
    expect(await release('test')).to.match(/Phase:\s+Succeeded/);
  });

  it('grows to three Consul servers, and goes back to one by a rollback, without a lost request', async () => {
    await makeServerDiskClass(lab);
    for (const ordinal of [1, 2]) await renewServerDisk(lab, ordinal);
    const [machines, one] = [await members(), values() as { consul: object }];
    await release('upgrade', ['--wait', '--force-conflicts'], one);
    const [{ revision }] = JSON.parse(await release('history', ['-o', 'json', '--max', '1'])) as [{ revision: number }];
    const ready = ['get', 'sts', 'landbridge-consul-server', '-n', NAMESPACE, '-o', 'jsonpath={.status.readyReplicas}'];
    const loses = async (what: string, work: () => Promise<unknown>): Promise<string[]> => {
      const shots = await underLoad(lab.edge, async () => void (await work()), { perSecond: CLICKS_PER_SECOND });
      console.log(`    ${what}: ${shots.length} clicks, ${failuresOf(shots).length} failed`);
      return failuresOf(shots);
    };
    const three = { ...one, consul: { ...one.consul, servers: 3 } };
    const grow = () => release('upgrade', ['--wait', '--force-conflicts'], three);
    expect(await loses('one to three Consul servers', grow)).to.deep.equal([]);
    expect(await lab.cluster.kubectl(ready)).to.equal('3');
    const back = () => release('rollback', [String(revision), '--wait', '--force-conflicts']);
    expect(await loses('three to one Consul server', back)).to.deep.equal([]);
    expect(await lab.cluster.kubectl(ready)).to.equal('1');
    expect(await members()).to.deep.equal(machines);
    await inOrder();
  });

  it('refuses a value that cannot change before it touches anything, and says why', async () => {
    const said = await release('upgrade', ['--wait', '--force-conflicts'], { ...values(), cluster: 'paris' }).catch(
      (error: Error) => error.message,
    );
    expect(said).to.match(/pre-upgrade hooks failed/);
    const job = ['logs', '-n', NAMESPACE, 'job/landbridge-upgrade'];
    expect(await lab.cluster.kubectl(job)).to.include('cluster cannot change from lab to paris');
    await inOrder();
  });

  it('uninstalls, and leaves nothing of what was there', async () => {
    const contents = labContents(lab);
    expect(await contents.inKubernetes()).to.include.members(['Deployment/landbridge-operator', 'MeshService/add-svc']);
    // The fields are still counted to whom they are taken over from.
    await release('upgrade', ['--wait', '--force-conflicts'], { ...values(), crds: { keep: false } });
    await release('uninstall', ['--wait']);
    expect(await contents.inKubernetes()).to.deep.equal([]);
  });

  it('installs again: everything can be used within 60 s, and passes helm test', async () => {
    await renewDisk(lab.engine, lab.cluster);
    const start = performance.now();
    await release('install', ['--wait', '--wait-for-jobs'], { ...values(), crds: { keep: false } });
    const ms = performance.now() - start;
    console.log(`    ready after ${(ms / 1000).toFixed(1)} s`);
    expect(await release('test')).to.match(/Phase:\s+Succeeded/);
    expect(ms).to.be.below(READY_MS);
    await inOrder();
    await release('uninstall', ['--wait']);
    expect(await labContents(lab).inKubernetes()).to.deep.equal([]);
  });
});
