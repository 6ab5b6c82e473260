import { expect } from 'chai';
import { type RunningLab, runningLab } from '../../lab/running.ts';
import { SAMPLE_NAMESPACE } from '../../lab/sample/in-cluster.ts';
import { podSpec } from '../support/kube/pods.ts';

const inShop = ['--namespace', SAMPLE_NAMESPACE];
const IMAGE = 'landbridge-sample/frontend:dev';
const PER_SECOND = 200;
const SECONDS = 40;
const ROLLOUTS = 3;

/** An app that ends at once on SIGTERM, as most images do. */
const APP = `
  require('node:http').createServer((asked, answer) => asked.resume().on('end', () => answer.end('ok'))).listen(8080);
  process.on('SIGTERM', () => process.exit(0));`;

/** A caller that runs the load when kubectl starts it. */
const IDLE = `setInterval(() => {}, 60000); process.on('SIGTERM', () => process.exit(0));`;

/** GET and POST in turn, so many a second whatever the answers take; prints how many there were of each outcome. */
const LOAD = `
  const { Agent, request } = require('node:http');
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const outcomes = {}; let sent = 0, open = 0; const began = Date.now();
  const one = (method) => {
    open++;
    const done = (what) => { open--; const key = method + ' ' + what; outcomes[key] = (outcomes[key] ?? 0) + 1; };
    const asked = request('http://127.0.0.1:9300/', { method, agent }, (answer) => {
      answer.resume(); answer.on('end', () => done(answer.statusCode)); answer.on('error', (error) => done(error.code));
    });
    asked.on('error', (error) => done(error.code)); asked.end(method === 'POST' ? 'x' : undefined);
  };
  const timer = setInterval(() => {
    const due = Math.min((Date.now() - began) / 1000, ${SECONDS}) * ${PER_SECOND};
    while (sent < due) one(sent++ % 2 ? 'POST' : 'GET');
    if (Date.now() - began < ${SECONDS * 1000}) return;
    clearInterval(timer);
    const end = setInterval(() => { if (open === 0) { clearInterval(end); console.log(JSON.stringify({ sent, outcomes })); process.exit(); } }, 50);
  }, 5);`;

const deployment = (name: string, replicas: number, script: string, ready: object) => {
  const spec = podSpec([], [], IMAGE);
  const [app] = spec.containers;
  const container = { ...app!, command: ['/usr/local/bin/node', '-e', script], args: undefined, ...ready };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: SAMPLE_NAMESPACE },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: { metadata: { labels: { app: name } }, spec: { ...spec, containers: [container] } },
    },
  };
};

const meshService = (name: string, spec: object) => ({
  apiVersion: 'landbridge.dev/v1alpha1',
  kind: 'MeshService',
  metadata: { name, namespace: SAMPLE_NAMESPACE },
  spec: { protocol: 'http', workloads: { pods: { selector: { matchLabels: { app: name } } } }, ...spec },
});

describe('a rollout of an app that ends at once', () => {
  let lab: RunningLab;
  before(async () => (lab = await runningLab()));
  after(() =>
    lab?.cluster.kubectl([
      'delete',
      'deployment/leaving',
      'deployment/rollout-caller',
      'meshservice/leaving',
      'meshservice/rollout-caller',
      ...inShop,
      '--ignore-not-found',
      '--wait=true',
      '--timeout=90s',
    ]),
  );

  const apply = (object: object): Promise<string> =>
    lab.cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });
  const rolledOut = (name: string): Promise<string> =>
    lab.cluster.kubectl(['rollout', 'status', `deployment/${name}`, ...inShop, '--timeout=120s']);

  it(`loses none of ${PER_SECOND} requests a second, GET and POST, while it is rolled out ${ROLLOUTS} times`, async () => {
    await apply(meshService('leaving', { port: 8080, access: [{ from: 'rollout-caller' }] }));
    await apply(meshService('rollout-caller', { upstreams: [{ service: 'leaving', localPort: 9300 }] }));
    for (const name of ['leaving', 'rollout-caller'])
      await lab.cluster.kubectl(['wait', `secret/${name}-landbridge`, ...inShop, '--for=create', '--timeout=30s']);
    await apply(deployment('leaving', 3, APP, { readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 } }));
    await apply(deployment('rollout-caller', 1, IDLE, {}));
    for (const name of ['leaving', 'rollout-caller']) await rolledOut(name);
    await lab.cluster.kubectl([
      'wait',
      'meshservice/leaving',
      ...inShop,
      '--for=jsonpath={.status.pods}=3/3',
      '--timeout=30s',
    ]);
    const hook = [
      'get',
      'pods',
      ...inShop,
      '-l',
      'app=leaving',
      '-o',
      'jsonpath={.items[0].spec.containers[0].lifecycle}',
    ];
    expect(JSON.parse(await lab.cluster.kubectl(hook))).to.deep.equal({ preStop: { sleep: { seconds: 5 } } });

    const caller = ['exec', 'deployment/rollout-caller', ...inShop, '-c', 'app', '--'];
    const load = lab.cluster.kubectl([...caller, '/usr/local/bin/node', '-e', LOAD], { timeoutMs: 120_000 });
    for (let turn = 0; turn < ROLLOUTS; turn++) {
      await lab.cluster.kubectl(['rollout', 'restart', 'deployment/leaving', ...inShop]);
      await rolledOut('leaving');
    }
    const { sent, outcomes } = JSON.parse(await load) as { sent: number; outcomes: Record<string, number> };
    expect(sent).to.be.at.least(5000);
    expect(outcomes).to.deep.equal({ 'GET 200': sent / 2, 'POST 200': sent / 2 });
  });
});
