import { expect } from 'chai';
import { type RunningLab, runningLab } from '../../lab/running.ts';
import { eventually } from '../support/eventually.ts';
import { type Stranger, inContainer, strangerPod } from '../support/strangers.ts';

const NAMESPACE = 'default';
/** The sample's frontend listens there; nothing listens at the other, so its node answers. */
const APP_PORT = 8080;
const OTHER_PORT = 9;

/** That doors are closed on this lab says something only where its network plugin closes what a policy closes. */
describe("a NetworkPolicy on the lab's nodes", () => {
  let lab: RunningLab;
  let nodes: string[];
  const nameOn = (node: string): string => `walled-${node}`;
  const kubectl = (...args: string[]): Promise<string> => lab.cluster.kubectl(['-n', NAMESPACE, ...args]);
  const apply = (item: object): Promise<string> =>
    lab.cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(item) });
  const policy = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'walled', namespace: NAMESPACE },
    spec: {
      podSelector: { matchExpressions: [{ key: 'app', operator: 'In', values: [] as string[] }] },
      policyTypes: ['Ingress'],
      ingress: [{ ports: [{ protocol: 'TCP', port: OTHER_PORT }] }],
    },
  };

  before(async () => {
    lab = await runningLab();
    nodes = (await lab.cluster.nodes()).filter(({ role }) => role === 'worker').map(({ name }) => name);
    policy.spec.podSelector.matchExpressions[0]!.values = nodes.map(nameOn);
    for (const node of nodes) await apply(strangerPod(nameOn(node), NAMESPACE, node));
    for (const node of nodes) await kubectl('wait', `pod/${nameOn(node)}`, '--for=condition=Ready', '--timeout=60s');
  });
  after(async () => {
    const pods = nodes.map((node) => `pod/${nameOn(node)}`);
    await kubectl('delete', 'networkpolicy/walled', ...pods, '--ignore-not-found', '--timeout=60s');
  });

  /** Each pod calls the app ports of the others: one outcome a pair of nodes. */
  const outcomes = async (port = APP_PORT): Promise<string[]> => {
    const from = (node: string): Stranger =>
      inContainer(lab, node, { namespace: NAMESPACE, name: nameOn(node), container: 'app' });
    const addresses = await Promise.all(
      nodes.map((node) => kubectl('get', 'pod', nameOn(node), '-o', 'jsonpath={.status.podIP}')),
    );
    const knocks = await Promise.all(
      nodes.map((node, index) =>
        from(node).knock(addresses.filter((_, other) => other !== index).map((ip) => `${ip}:${port}`)),
      ),
    );
    return knocks.flat().map(({ outcome }) => outcome);
  };
  const all = async (outcome: string): Promise<boolean> => (await outcomes()).every((one) => one === outcome);

  it('closes a port on every node within seconds, leaves the ports that it names, and opens all when it goes', async () => {
    expect(await all('through')).to.equal(true);
    await apply(policy);
    await eventually('the port is closed', 10_000, async () => (await outcomes()).every((one) => one !== 'through'));
    // Nothing listens there: the pod itself says so, where a policy would have said it of the port above.
    expect(new Set(await outcomes(OTHER_PORT))).to.deep.equal(new Set(['ECONNREFUSED']));
    await kubectl('delete', 'networkpolicy/walled');
    await eventually('it is open again', 10_000, () => all('through'));
  });

  it('leaves the probes of the kubelet alone', async () => {
    await apply(policy);
    for (const node of nodes) {
      const probed = `probed-${node}`;
      const pod = strangerPod(nameOn(node), NAMESPACE, node);
      const probe = { httpGet: { path: '/healthz', port: APP_PORT }, periodSeconds: 1 };
      const containers = pod.spec.containers.map((container) => ({ ...container, readinessProbe: probe }));
      // The label is that of a pod whose port is closed.
      await apply({ ...pod, metadata: { ...pod.metadata, name: probed }, spec: { ...pod.spec, containers } });
      try {
        await kubectl('wait', `pod/${probed}`, '--for=condition=Ready', '--timeout=60s');
      } finally {
        await kubectl('delete', `pod/${probed}`, '--wait=false');
      }
    }
  });
});
