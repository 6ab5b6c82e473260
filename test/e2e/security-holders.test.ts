import { connect as connectTls } from 'node:tls';
import { expect } from 'chai';
import { makeBridgeClient } from '../../agent/bridge-client.ts';
import { askBridge, type BridgeAccess } from '../../cli/bridge-admin.ts';
import { deployments, jobs, meshServices, pods, secrets } from '../../clients/kube/resources.ts';
import { createAuthority, issue } from '../../clients/pki/authority.ts';
import { type RunningLab, runningLab } from '../../lab/running.ts';
import { SAMPLE_NAMESPACE } from '../../lab/sample/in-cluster.ts';
import { NAMESPACE, SECRETS } from '../../mesh/installation/installation.ts';
import { memberPods } from '../support/doors.ts';
import { eventually } from '../support/eventually.ts';
import { type LabHolders, answerOf, attempts, denied, labHolders } from '../support/lab-holders.ts';

/** Reads what an app's container can read, and asks whom it can ask. Prints all of it. */
const SEARCH = `
const fs = require('fs');
process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
const said = [];
const read = (path) => { try { said.push(path + ': ' + fs.readFileSync(path, 'utf8')); } catch (error) { said.push(path + ': ' + error.code); } };
const pids = fs.readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name));
const mounted = ['/etc/landbridge', '/var/run/secrets/kubernetes.io/serviceaccount'];
for (const folder of [...mounted, ...pids.map((pid) => '/proc/' + pid + '/root' + mounted[0])]) {
  try { for (const name of fs.readdirSync(folder)) read(folder + '/' + name); } catch (error) { said.push(folder + ': ' + error.code); }
}
for (const pid of pids) for (const name of ['environ', 'cmdline']) read('/proc/' + pid + '/' + name);
(async () => {
  const places = ['config_dump?include_eds', 'certs', 'clusters', 'server_info', 'stats'].map((path) => 'http://127.0.0.1:19000/' + path);
  for (const url of [...places, ...process.argv.slice(1)])
    await fetch(url).then(async (answer) => said.push(url + ': ' + answer.status + ' ' + await answer.text()), (error) => said.push(url + ': ' + error.cause));
  console.log(said.join('\\n'));
})();`;

/** Tries on the lab, with the credentials of each row of docs/security.md, all that the row rules out. */
describe('somebody who has got hold of', () => {
  let lab: RunningLab;
  let holders: LabHolders;
  let truth: unknown;
  before(async () => {
    lab = await runningLab();
    holders = await labHolders(lab);
  });
  after(() => holders.close());
  beforeEach(async () => (truth = await holders.held()));
  /** Nothing of it has come to Consul. */
  afterEach(async () => expect(await holders.held()).to.deep.equal(truth));

  const tokenOf = async (service: string): Promise<string> =>
    (await holders.secret(`${service}-landbridge`, SAMPLE_NAMESPACE))['token']!;
  const nodeOfMachine = async (): Promise<string> => (await holders.truth.listNodes('vm.'))[0]!.name;

  it("an app's container finds no token and no key, and nobody takes a certificate of its own making", async () => {
    const consul = 'https://landbridge-consul.landbridge:8501/v1';
    const urls = ['kv/landbridge/?recurse', 'acl/tokens', 'config/service-defaults'].map((path) => `${consul}/${path}`);
    const exec = ['exec', '-n', SAMPLE_NAMESPACE, 'deployment/frontend', '-c', 'frontend', '--', '/usr/local/bin/node'];
    const said = await lab.cluster.kubectl([...exec, '-e', SEARCH, ...urls]);
    expect(said).to.include('http://127.0.0.1:19000/certs: 200').and.include('/etc/landbridge: ENOENT');
    for (const url of urls) expect(said.split(`${url}: `)[1]).to.match(/^(403 Permission denied|404 |200 \[\])/);
    expect(said).not.to.include(await tokenOf('frontend'));
    expect(said).not.to.match(/BEGIN [A-Z ]*PRIVATE KEY/);

    const ca = await createAuthority('Consul CA', { nowMs: Date.now(), days: 1 });
    const { trustDomain } = await holders.truth.caRoots();
    const uris = [`spiffe://${trustDomain}/ns/default/dc/dc1/svc/frontend`];
    const forged = await issue(ca, { commonName: 'frontend', uris, usage: 'both', nowMs: Date.now(), days: 1 });
    const [pod] = await memberPods(lab, 'sub-svc');
    const heard = await new Promise<string>((resolve) => {
      const to = { host: pod!.ip, port: 20000, cert: forged.certPem, key: forged.keyPem, rejectUnauthorized: false };
      const socket = connectTls(to, () =>
        socket.write('GET /api/v1/execute?l=1&r=1 HTTP/1.1\r\nHost: sub-svc\r\n\r\n'),
      );
      socket.on('data', (chunk: Buffer) => resolve(chunk.toString()));
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(`refused: ${error.code}`));
      socket.on('close', () => resolve('closed'));
    });
    expect(heard).to.match(/^refused: ERR_SSL|^refused: ECONNRESET|^closed/);
  });

  it("a sidecar's token acts as no other service, and writes no intention, key, node or route", async () => {
    const held = attempts(holders.consulAs(await tokenOf('frontend')));
    await denied('an entry of another', held.entry({ Kind: 'service-resolver', Name: 'sub-svc' }));
    await denied('an instance of another', held.instance('k8s.lab.shop.frontend', 'sub-svc'));
    await denied('its own intentions', held.intention('frontend'));
    await denied('the intentions of another', held.intention('sub-svc'));
    await denied('a key', held.key('landbridge/edge/lab/evil'));
    await denied('a node of a machine', held.noNode(await nodeOfMachine()));
    await denied('the tokens', held.tokens());
    await denied(
      'what the edge serves',
      held.entry({ Kind: 'http-route', Name: 'mine', Parents: [], Rules: [] } as never),
    );
  });

  it('the Secrets of a mesh namespace reaches no Secret, key, node or ACL of the control plane', async () => {
    const all = await holders.kube.list<{ metadata: { name: string } }>(secrets, { namespace: SAMPLE_NAMESPACE });
    const names = all.items.map(({ metadata }) => metadata.name).filter((name) => name.endsWith('-landbridge'));
    expect(names.length).to.be.greaterThan(3);
    const bridge = await holders.secret(SECRETS.bridgeAdmin);
    await Promise.all(
      names.map(async (name) => {
        const { token } = await holders.secret(name, SAMPLE_NAMESPACE);
        const held = attempts(holders.consulAs(token!));
        await denied(`${name}: a key`, held.key('landbridge/invites/rack-1/mine'));
        await denied(`${name}: a policy`, held.policy());
        await denied(`${name}: the tokens`, held.tokens());
        await denied(`${name}: a node`, held.node('vm.rack-1.mine'));
        await denied(`${name}: settings of the mesh`, held.entry({ Kind: 'proxy-defaults', Name: 'global' }));
      }),
    );
    // They hold no certificate, so at the bridge they are a stranger's.
    const stranger = makeBridgeClient({
      bridges: bridge['addresses']!.split(','),
      credentials: { bridgeCa: bridge['ca.crt']! },
      limits: () => ({ connectMs: 3000, answerMs: 5000 }),
    });
    expect(await answerOf(stranger.post('/v1/invites', { service: 'frontend', site: 'rack-1' }))).to.match(
      /certificate/,
    );
    stranger.close();
  });

  it("the operator's pod lists no Secrets, changes no ACL, and writes no node of a machine and no key of the bridge", async () => {
    const token = await holders.readInPod(
      'operator',
      'operator',
      '/var/run/secrets/kubernetes.io/serviceaccount/token',
    );
    const kube = await holders.kubeAs(token.trim());
    await denied('a list of Secrets', kube.list(secrets, { namespace: SAMPLE_NAMESPACE }));
    await denied('a list of all Secrets', kube.list(secrets));
    await denied('to end a MeshService', kube.delete(meshServices, 'sub-svc', SAMPLE_NAMESPACE));
    await denied('a pod', kube.delete(pods, (await memberPods(lab, 'sub-svc'))[0]!.name, SAMPLE_NAMESPACE));
    const consul = await holders.readInPod('operator', 'operator', '/etc/landbridge/operator/consul-token');
    const held = attempts(holders.consulAs(consul.trim()));
    const machine = await nodeOfMachine();
    await denied('the tokens', held.tokens());
    await denied('a policy', held.policy());
    await denied('the end of a machine', held.noNode(machine));
    await denied('a machine', held.node('vm.rack-1.mine'));
    await denied('a node of another cluster', held.node('k8s.other.x.y'));
    await denied('an invite', held.key('landbridge/invites/rack-1/mine'));
    await denied('a host record', held.key('landbridge/hosts/rack-1/mine'));
  });

  it("the bridge's pod writes no intention, node of pods or ACL, and in Kubernetes only reads MeshServices", async () => {
    const token = await holders.readInPod('bridge', 'bridge', '/var/run/secrets/kubernetes.io/serviceaccount/token');
    const kube = await holders.kubeAs(token.trim());
    await denied('a Secret of a sidecar', kube.get(secrets, 'sub-svc-landbridge', SAMPLE_NAMESPACE));
    await denied('a Secret of the control plane', kube.get(secrets, SECRETS.consulManagement, NAMESPACE));
    await denied('a MeshService', kube.patchMerge(meshServices, 'sub-svc', SAMPLE_NAMESPACE, { spec: { port: 1 } }));
    await denied('a Deployment', kube.patchMerge(deployments, 'frontend', SAMPLE_NAMESPACE, { spec: { replicas: 0 } }));
    expect((await kube.list(meshServices)).items.length, 'the token is good').to.be.greaterThan(3);
    const consul = await holders.readInPod('bridge', 'bridge', '/etc/landbridge/bridge/consul-token');
    const held = attempts(holders.consulAs(consul.trim()));
    await denied('intentions', held.intention('sub-svc'));
    await denied('the end of a node of pods', held.noNode('k8s.lab.shop.sub-svc'));
    await denied('a node of pods', held.node('k8s.lab.shop.mine'));
    await denied('the tokens', held.tokens());
    await denied('a policy', held.policy());
    await denied(
      'what the edge serves',
      held.entry({ Kind: 'http-route', Name: 'mine', Parents: [], Rules: [] } as never),
    );
  });

  it("the terminating gateway's pod acts as no service that has a sidecar, and changes no access", async () => {
    const { token } = await holders.secret('landbridge-gateway-landbridge');
    const held = attempts(holders.consulAs(token!));
    await denied('an entry', held.entry({ Kind: 'service-resolver', Name: 'sub-svc' }));
    await denied('an instance', held.instance('k8s.lab.shop.sub-svc', 'sub-svc'));
    await denied('the intentions of another', held.intention('sub-svc'));
    await denied('the intentions of a service behind it', held.intention('ledger'));
    await denied('a key', held.key('landbridge/invites/rack-1/mine'));
  });

  it("an admin's certificate of the bridge says nothing after its Secret is deleted and the bootstrap job has run again", async () => {
    const access = async (): Promise<BridgeAccess> => {
      const held = await holders.secret(SECRETS.bridgeAdmin);
      const addresses = (held['addresses'] ?? '').split(',');
      return { addresses, caPem: held['ca.crt']!, certificatePem: held['tls.crt']!, keyPem: held['tls.key']! };
    };
    const stolen = await access();
    const invite = { service: 'echo-client-vm', site: 'rack-1', ttlSeconds: 60 };
    await askBridge(stolen, 'GET', '/v1/instances');
    await holders.kube.delete(secrets, SECRETS.bridgeAdmin, NAMESPACE);
    const labels = { labelSelector: 'app.kubernetes.io/component=bootstrap', namespace: NAMESPACE };
    const [job] = (await holders.kube.list<{ metadata: { name: string } }>(jobs, labels)).items;
    await lab.cluster.kubectl(['delete', 'job', job!.metadata.name, '-n', NAMESPACE, '--wait=true']);
    const manifests = await lab.landbridge(['manifests', '-f', '.lab/values.yaml']);
    const text = manifests.split(/^---$/m).find((one) => /^kind: Job$/m.test(one));
    await lab.cluster.kubectl(['apply', '--server-side', '-f', '-'], { input: text });
    await eventually('the Secret is made again', 30_000, async () => (await access()).keyPem !== undefined);
    // A change of the pod makes the kubelet bring its files up to date at once, and not after a minute.
    const annotate = ['annotate', 'pod', '-n', NAMESPACE, '-l', 'app.kubernetes.io/component=bridge', '--overwrite'];
    await lab.cluster.kubectl([...annotate, `landbridge-test/at=${Date.now()}`]);
    await eventually('the stolen one is refused', 30_000, async () =>
      /certificate/.test(await answerOf(askBridge(stolen, 'GET', '/v1/instances', undefined, 0))),
    );
    expect(await answerOf(askBridge(stolen, 'POST', '/v1/invites', invite, 0))).to.match(/certificate/);
    expect(await answerOf(askBridge(stolen, 'POST', '/v1/revoke', { site: 'rack-1', host: 'vm1' }, 0))).to.match(
      /certificate/,
    );
    await askBridge(await access(), 'GET', '/v1/instances');
  });
});
