import { expect } from 'chai';
import { GATEWAY_SERVICE } from '../../crds/gateway.ts';
import { consulOf } from '../../cli/cluster.ts';
import { type RunningLab, runningLab } from '../../lab/running.ts';
import { SAMPLE_NAMESPACE } from '../../lab/sample/in-cluster.ts';
import { LEDGER_PORT, SITE } from '../../lab/sample/on-vms.ts';
import { eventually } from '../support/eventually.ts';
import { podThatServes } from '../support/kube/pods.ts';

const SERVICE = 'mainframe';
const INSTANCE = 'mainframe-1';
const CALLER = 'mainframe-caller';
const LOCAL_PORT = 9696;
const inShop = ['--namespace', SAMPLE_NAMESPACE];

/** A second process of the ledger on vm3 under a name of its own, with nothing of ours beside it. */
describe('a machine without a sidecar behind the terminating gateway', () => {
  let lab: RunningLab;
  const meshService = (name: string, spec: object) => ({
    apiVersion: 'landbridge.dev/v1alpha1',
    kind: 'MeshService',
    metadata: { name, namespace: SAMPLE_NAMESPACE },
    spec: { protocol: 'http', ...spec },
  });
  const apply = (...items: object[]): Promise<string> =>
    lab.cluster.kubectl(['apply', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
    });
  /** The frontend's image has Node, which asks as an app would. */
  const call = (method: 'GET' | 'POST'): Promise<string> => {
    const ask = `fetch('http://127.0.0.1:${LOCAL_PORT}/entries',{method:'${method}'}).then(async (r) => console.log(r.status, await r.text()))`;
    return lab.cluster.kubectl(['exec', ...inShop, CALLER, '-c', 'app', '--', '/usr/local/bin/node', '-e', ask]);
  };
  const answers = (what: string, start: string, deadlineMs: number): Promise<string> =>
    eventually(what, deadlineMs, async () => {
      const answer = await call('GET');
      return answer.startsWith(start) ? answer : Promise.reject(new Error(answer));
    });
  const linked = (): Promise<string> =>
    lab.cluster.kubectl([
      ...['get', 'meshservice', SERVICE, ...inShop, '-o'],
      'jsonpath={.status.conditions[?(@.type=="Linked")].status}',
    ]);
  const inConsul = async () => {
    const { consul, close } = await consulOf({ kubeconfig: lab.cluster.kubeconfig });
    try {
      const [instances, links] = await Promise.all([
        consul.health(SERVICE),
        consul.readConfig('terminating-gateway', GATEWAY_SERVICE),
      ]);
      const names = ((links?.entry['Services'] ?? []) as { Name: string }[]).map(({ Name }) => Name);
      return { instances: instances.map(({ service }) => service.ID), links: names };
    } finally {
      close();
    }
  };

  before(async () => {
    lab = await runningLab();
    await apply(
      meshService(SERVICE, {
        workloads: { external: { sites: [SITE] } },
        access: [{ from: CALLER, methods: ['GET'] }],
      }),
      meshService(CALLER, {
        workloads: { pods: { selector: { matchLabels: { app: CALLER } } } },
        upstreams: [{ service: SERVICE, localPort: LOCAL_PORT }],
      }),
    );
    await lab.cluster.kubectl(['wait', `secret/${CALLER}-landbridge`, ...inShop, '--for=create', '--timeout=30s']);
    await apply(podThatServes(CALLER, 'landbridge-sample/frontend:dev', []));
    await lab.cluster.kubectl(['wait', `pod/${CALLER}`, ...inShop, '--for=condition=Ready', '--timeout=60s']);
  });
  after(async () => {
    await lab.landbridge(['deregister', INSTANCE, '--site', SITE]).catch(() => undefined);
    await lab.cluster.kubectl(['delete', `pod/${CALLER}`, ...inShop, '--ignore-not-found', '--wait=false']);
    const names = [SERVICE, CALLER];
    await lab.cluster.kubectl(['delete', 'meshservice', ...names, ...inShop, '--ignore-not-found', '--timeout=60s']);
  });

  it('is called by a pod soon after it was registered, and MeshService says that it is linked', async () => {
    await answers('nobody is there yet', '503', 10_000);
    const where = ['--address', lab.vm('vm3').address, '--port', `${LEDGER_PORT}`, '--site', SITE];
    const began = performance.now();
    await lab.landbridge(['register', INSTANCE, '--service', SERVICE, ...where, '--check', 'http:/health']);
    // The operator looks every 10 s, Envoy opens its stream again every 10 s, and both may just have done so.
    expect(await answers('the ledger answers', '200', 60_000)).to.contain('"entries"');
    console.log(`      first answer ${((performance.now() - began) / 1000).toFixed(1)} s after the command began`);
    await eventually('it is Linked', 30_000, async () => (await linked()) === 'True');
  });

  it('is guarded by the gateway as by a sidecar: a method that the caller has no right to is refused there', async () => {
    expect(await call('POST')).to.match(/^403/);
    expect(await call('GET')).to.match(/^200/);
  });

  it('is gone when it is deregistered: no instance, and no link of the gateway', async () => {
    await lab.landbridge(['deregister', INSTANCE, '--site', SITE]);
    await answers('nobody answers', '503', 30_000);
    const left = await eventually('the link is gone', 30_000, async () => {
      const now = await inConsul();
      return now.links.includes(SERVICE) ? undefined : now;
    });
    expect(left.instances).to.deep.equal([]);
    expect(await linked(), 'nothing is to be said of it').to.equal('');
  });
});
