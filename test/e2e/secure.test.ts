import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { expect } from 'chai';
import { type RunningLab, runningLab } from '../../lab/running.ts';
import { SAMPLE_NAMESPACE } from '../../lab/sample/in-cluster.ts';
import { eventually } from '../support/eventually.ts';
import { podThatServes } from '../support/kube/pods.ts';

const inShop = ['--namespace', SAMPLE_NAMESPACE];

/** The frontend's image has Node, which asks as an app would. */
const GET_SUB_SVC = [
  '/usr/local/bin/node',
  '-e',
  "fetch('http://127.0.0.1:8181/api/v1/execute?l=3&r=1').then(async (r) => console.log(r.status, await r.text()))",
];

/** The answer of a port to a peer outside the mesh: its bytes, or the way it hung up. */
function knock(socket: NodeJS.ReadWriteStream & { setTimeout(ms: number): unknown; destroy(): void }, hello: string) {
  return new Promise<string>((resolve) => {
    let got = '';
    socket.on('data', (chunk: Buffer) => (got += chunk.toString('latin1')));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(`refused: ${error.code ?? error.message}`));
    socket.on('close', () => resolve(got === '' ? 'closed without an answer' : got));
    socket.setTimeout(5000);
    socket.on('timeout', () => {
      socket.destroy();
      resolve('no answer');
    });
    socket.write(hello);
  });
}

describe('the mesh is closed', () => {
  let lab: RunningLab;
  before(async () => (lab = await runningLab()));

  const podOf = async (app: string): Promise<{ name: string; ip: string }> => {
    const path = 'jsonpath={.items[0].metadata.name} {.items[0].status.podIP}';
    const [name = '', ip = ''] = (
      await lab.cluster.kubectl(['get', 'pods', ...inShop, '-l', `app=${app}`, '-o', path])
    ).split(' ');
    return { name, ip };
  };
  const GET = 'GET /api/v1/execute?l=1&r=1 HTTP/1.1\r\nHost: sub-svc\r\nConnection: close\r\n\r\n';

  it('refuses plain text at a sidecar of a pod', async () => {
    const { ip } = await podOf('sub-svc');
    const answer = await knock(connectTcp(20000, ip), GET);
    expect(answer).not.to.match(/HTTP\/1\.1 200/);
    expect(answer).to.match(/closed without an answer|refused/);
  });

  it('refuses plain text at a sidecar on a VM', async () => {
    const rows = JSON.parse(await lab.landbridge(['vm', 'list', '-o', 'json'])) as {
      instances: { service: string; address: string; port: number }[];
    };
    const vm = rows.instances.find(({ service }) => service === 'add-svc')!;
    const answer = await knock(connectTcp(vm.port, vm.address), GET);
    expect(answer).to.match(/closed without an answer|refused/);
  });

  it('refuses TLS without a certificate of the mesh', async () => {
    const { ip } = await podOf('sub-svc');
    const answer = await knock(connectTls({ host: ip, port: 20000, rejectUnauthorized: false }), GET);
    expect(answer).not.to.match(/HTTP\/1\.1 200/);
    expect(answer).to.match(/refused|closed without an answer/);
  });

  it('encrypts every hop between sidecars', async () => {
    for (const app of ['api-gateway', 'frontend', 'sub-svc']) {
      const { ip } = await podOf(app);
      const stats = await (await fetch(`http://${ip}:20200/stats/prometheus`)).text();
      const handshakes = [...stats.matchAll(/^envoy_listener_ssl_handshake\{[^}]*\} (\d+)/gm)].reduce(
        (sum, match) => sum + Number(match[1]),
        0,
      );
      expect(handshakes, app).to.be.greaterThan(0);
      const plain = [...stats.matchAll(/^envoy_listener_ssl_no_certificate\{[^}]*\} (\d+)/gm)].reduce(
        (sum, match) => sum + Number(match[1]),
        0,
      );
      expect(plain, `${app} took a peer without a certificate`).to.equal(0);
    }
  });

  it('refuses a workload of the mesh that has no access', async () => {
    const stranger = {
      apiVersion: 'v1',
      kind: 'List',
      items: [
        {
          apiVersion: 'landbridge.dev/v1alpha1',
          kind: 'MeshService',
          metadata: { name: 'stranger', namespace: SAMPLE_NAMESPACE },
          spec: {
            protocol: 'http',
            workloads: { pods: { selector: { matchLabels: { app: 'stranger' } } } },
            upstreams: [{ service: 'sub-svc', localPort: 8181 }],
          },
        },
      ],
    };
    try {
      await lab.cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(stranger) });
      // The Secret is the operator's sign that it has seen the MeshService.
      await lab.cluster.kubectl(['wait', 'secret/stranger-landbridge', ...inShop, '--for=create', '--timeout=30s']);
      await lab.cluster.kubectl(['apply', '-f', '-'], {
        input: JSON.stringify(podThatServes('stranger', 'landbridge-sample/frontend:dev', [])),
      });
      await lab.cluster.kubectl(['wait', 'pod/stranger', ...inShop, '--for=condition=Ready', '--timeout=60s']);
      const call = (pod: string): Promise<string> =>
        lab.cluster.kubectl(['exec', ...inShop, pod, '--', ...GET_SUB_SVC]);
      // The same call from a pod that has access, so the refusals below are about the caller and not about the call.
      expect(await call('deployment/frontend')).to.contain('200 {"result":2}');
      const refused = await eventually('a refusal', 30_000, async () => {
        const answer = await call('stranger');
        return answer.startsWith('403') ? answer : Promise.reject(new Error(answer));
      });
      expect(refused).to.equal('403 RBAC: access denied');
    } finally {
      await lab.cluster.kubectl([
        'delete',
        'pod/stranger',
        'meshservice/stranger',
        ...inShop,
        '--ignore-not-found',
        '--wait=true',
        '--timeout=60s',
      ]);
    }
  });

  it('admits its pods in a namespace that enforces the restricted standard', async () => {
    const labels = await lab.cluster.kubectl([
      'get',
      'namespace',
      SAMPLE_NAMESPACE,
      '-o',
      'jsonpath={.metadata.labels}',
    ]);
    expect(JSON.parse(labels)).to.include({ 'pod-security.kubernetes.io/enforce': 'restricted' });
    const { name } = await podOf('sub-svc');
    const pod = JSON.parse(await lab.cluster.kubectl(['get', 'pod', name, ...inShop, '-o', 'json'])) as {
      spec: { containers: { name: string }[]; initContainers?: { name: string; restartPolicy?: string }[] };
    };
    expect(pod.spec.containers.map((container) => container.name)).to.deep.equal(['sub-svc']);
    expect(pod.spec.initContainers?.map(({ name, restartPolicy }) => [name, restartPolicy])).to.deep.equal([
      ['landbridge-sidecar', 'Always'],
    ]);
  });
});
