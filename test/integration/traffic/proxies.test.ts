import { expect } from 'chai';
import { createServer, request, type Server } from 'node:http';
import { once } from 'node:events';
import type { Condition } from '../../../crds/kubernetes.ts';
import { operatorPolicy } from '../../../operator/bootstrap/policies.ts';
import { eventually } from '../../support/eventually.ts';
import { type PodEnvoys, podEnvoys } from '../../support/envoy/pod-envoys.ts';
import { type OperatorRig, startOperatorRig } from '../operator/operator-rig.ts';

const WEB = '127.31.0.1';
const CALLER = '127.31.0.2';
const LOCAL_PORT = 29_191;

/** Refused updates are seen, on a real API server and Consul with the real Envoys of pods. */
describe('proxies that refuse updates', function () {
  this.timeout(180_000);
  let rig: OperatorRig;
  let envoys: PodEnvoys;
  let app: Server;

  before(async () => {
    rig = await startOperatorRig({ LANDBRIDGE_VERIFY_SECONDS: '600' });
    envoys = await podEnvoys(rig.kube);
    app = createServer((asked, answer) => answer.end(asked.url));
    app.listen(28_080, '127.0.0.1');
    await once(app, 'listening');
    await rig.declare('web', { protocol: 'http', port: 28_080, access: [{ from: 'caller' }] });
    await rig.declare('caller', { port: undefined, upstreams: [{ service: 'web', localPort: LOCAL_PORT }] });
    await envoys.start('web-1', 'web', WEB);
    await envoys.start('caller-1', 'caller', CALLER);
    await eventually('a call gets through', 20_000, async () => (await get('/x')) === 200);
  });
  after(async () => {
    app?.close();
    await envoys?.stop();
    await rig?.stop();
  });

  /** Without the right to write what is called web, the operator leaves wrong entries in Consul as the test wrote them. */
  async function mayMendWeb(may: boolean): Promise<void> {
    const policy = operatorPolicy('lab');
    const denied = 'service "web" {\n  policy = "read"\n  intentions = "read"\n}\n';
    await rig.consul.acl.upsertPolicy(may ? policy : { ...policy, rules: `${policy.rules}${denied}` });
  }

  const get = (path: string): Promise<number> =>
    new Promise((resolve) => {
      const asked = request({ host: '127.0.0.1', port: LOCAL_PORT, path, agent: false }, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      });
      asked.once('error', () => resolve(0));
      asked.end();
    });
  const put = async (entry: { Kind: string; Name: string; [field: string]: unknown }): Promise<void> => {
    const held = await rig.consul.readConfig(entry.Kind as never, entry.Name);
    const transport = rig.server.transport();
    const Meta = held?.entry['Meta'];
    await transport.send({
      method: 'PUT',
      path: '/config',
      body: { ...(Meta === undefined ? {} : { Meta }), ...entry },
    });
    transport.close();
  };
  const accepts = async (name: string): Promise<Condition | undefined> =>
    (await rig.statusOf(name))?.conditions?.find(({ type }) => type === 'ProxiesAccept');
  const comes = (name: string, status: string, withinMs = 10_000): Promise<Condition> =>
    eventually(`ProxiesAccept of ${name} is ${status}`, withinMs, async () => {
      const found = await accepts(name);
      return found?.status === status ? found : undefined;
    });
  const router = (value: string) => ({
    Kind: 'service-router',
    Name: 'web',
    Routes: [
      {
        Match: { HTTP: { PathPrefix: '/e/' } },
        Destination: { PrefixRewrite: '/e/', ResponseHeaders: { Set: { 'x-discount': value } } },
      },
    ],
  });

  it('says that proxies accept once they were looked at', async () => {
    const { message, observedGeneration } = await comes('web', 'True', 75_000);
    expect(message).to.equal('Every proxy that answered has taken its updates from Consul.');
    expect(observedGeneration).to.equal(1);
  });

  it('names the caller that refuses routes, in Envoy’s words, within 10 s, on both services', async () => {
    await mayMendWeb(false);
    await put(router('50% off'));
    for (const name of ['web', 'caller']) {
      const { message, reason } = await comes(name, 'False');
      expect(reason).to.equal('ProxyRefuses');
      expect(message).to.contain('pod caller-1');
      expect(message).to.contain(
        "Envoy says of its routes: Incorrect configuration: 50% off. Couldn't find valid command",
      );
      expect(message).not.to.contain('web-1');
    }
  });

  it('names a caller that starts while its routes are refused, and so has none', async () => {
    await envoys.start('caller-2', 'caller', '127.31.0.4');
    const { message } = await eventually('caller-2 is named', 10_000, async () => {
      const found = await accepts('web');
      return found?.message?.includes('caller-2') ? found : undefined;
    });
    expect(message).to.match(/^pod caller-1, pod caller-2 refused/);
  });

  it('takes it back within 10 s of a good update', async () => {
    await put(router('half price'));
    for (const name of ['web', 'caller']) await comes(name, 'True');
    await eventually('the new route is in force', 5000, async () => (await get('/e/x')) === 200);
  });

  it('names the callee that refuses its listener, and turns True when the earlier rules are back', async () => {
    const intentions = (source: object) => ({
      Kind: 'service-intentions',
      Name: 'web',
      Sources: [{ Name: 'caller', ...source }],
    });
    await put(intentions({ Permissions: [{ Action: 'allow', HTTP: { PathRegex: '/items/[a-z]{1,1024}' } }] }));
    const { message } = await comes('web', 'False');
    expect(message).to.contain('pod web-1');
    expect(message).to.contain('invalid repetition size: {1,1024}');
    expect((await accepts('caller'))?.status, 'of the caller nothing is refused').to.equal('True');
    // Envoy has already what it should have, so Consul sends nothing.
    await put(intentions({ Action: 'allow' }));
    await comes('web', 'True');
    await mayMendWeb(true);
  });

  const ready = (name: string, reason: string, withinMs = 20_000): Promise<Condition> =>
    eventually(`Ready of ${name} is ${reason}`, withinMs, async () =>
      (await rig.statusOf(name))?.conditions?.find((one) => one.type === 'Ready' && one.reason === reason),
    );

  it('names the machine whose Envoy refuses, as the bridge wrote it, and takes it back with a change or with the word of the machine', async () => {
    await rig.declare('far', {
      workloads: { external: { sites: ['rack-1'] } },
      upstreams: [{ service: 'web', localPort: 29_192 }],
    });
    const key = 'landbridge/proxies/rack-1/vm1';
    const write = async (rejected: number) => {
      const at = new Date().toISOString();
      const refusal = {
        subscription: 'http_upstream_web_rds_web',
        kind: 'route',
        rejected,
        words: 'Incorrect configuration: 70% off',
      };
      const proxies = [{ id: 'far-vm1-7001', service: 'far', refusals: [refusal] }];
      const held = await rig.consul.kvGet(key);
      const report = JSON.stringify({ site: 'rack-1', host: 'vm1', at, heardAt: at, proxies });
      expect(await rig.consul.kvCas(key, report, held?.modifyIndex ?? 0)).to.equal(true);
    };
    await eventually('far is in Consul', 10_000, async () => (await rig.statusOf('far'))?.consul?.service === 'far');
    await write(1);
    for (const name of ['far', 'web']) {
      const { message } = await comes(name, 'False');
      expect(message)
        .to.contain('far-vm1-7001 on machine rack-1/vm1 refused')
        .and.to.contain('routes: Incorrect configuration: 70% off');
    }
    await put(router('a quarter off'));
    for (const name of ['far', 'web']) await comes(name, 'True');
    await write(2);
    for (const name of ['far', 'web']) await comes(name, 'False');
    await rig.consul.kvDelete(key);
    for (const name of ['far', 'web']) await comes(name, 'True');
  });

  it('says without any call that nothing listens at the port, and takes it back when the app does', async () => {
    await rig.declare('deaf', { port: 28_081 });
    await envoys.start('deaf-1', 'deaf', '127.31.0.3');
    const { status, message } = await ready('deaf', 'AppNotListening');
    expect(status).to.equal('False');
    expect(message).to.contain('Nothing accepts connections at 127.0.0.1:28081 in pod deaf-1');
    expect((await rig.statusOf('deaf'))?.pods).to.equal('0/1');
    const late = createServer((_, answer) => answer.end());
    late.listen(28_081, '127.0.0.1');
    await ready('deaf', 'AllInstancesReady');
    late.close();
  });

  it('tells of calls that fail, and of the first one that comes through', async () => {
    const { port } = app.address() as { port: number };
    app.close();
    app.closeAllConnections();
    for (let tries = 0; tries < 3; tries += 1) expect(await get('/x')).to.equal(503);
    // A change has the proxies looked at; otherwise the slow round does.
    await put(router('one third off'));
    const { message } = await ready('web', 'AppNotListening', 10_000);
    expect(message).to.contain('127.0.0.1:28080 in pod web-1, so calls to it fail');
    app.listen(port, '127.0.0.1');
    await eventually('a call gets through', 10_000, async () => (await get('/x')) === 200);
    await ready('web', 'AllInstancesReady', 10_000);
  });

  it('says nothing of a workload without a port', async () => {
    await ready('caller', 'AllInstancesReady', 1000);
  });
});
