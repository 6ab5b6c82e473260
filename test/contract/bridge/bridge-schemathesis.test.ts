import { expect } from 'chai';
import { makeKey, makeRequest } from '../../../agent/state/certificate.ts';
import { ROUTES } from '../../../bridge/handlers/routes.ts';
import type { InviteAnswer, JoinAnswer } from '../../../mesh/outside/bridge-api.ts';
import { decodeInvite } from '../../../mesh/outside/invite.ts';
import { type LoneBridge, startBridgeProcess } from '../../support/rigs/bridge-process.ts';
import { eventually } from '../../support/eventually.ts';
import { schemathesis } from '../../support/schemathesis.ts';
import { openClient } from './bridge-client.ts';

/** For three senders in all; undefined: so many requests of one seed. `npm run fuzz:schemathesis` takes an hour, with a seed of its own. */
const SECONDS = process.env['SCHEMATHESIS_SECONDS'] && Number(process.env['SCHEMATHESIS_SECONDS']);
const EXAMPLES = 2;
const SEED = Number(process.env['SCHEMATHESIS_SEED'] ?? (SECONDS ? Date.now() % 1_000_000 : 7));
const SITE = 'rack-1';
const SERVICES = ['web', 'pay'];
/** Megabytes over what the bridge had before; V8 keeps some by itself. */
const ROOM = 64;

/** V8 collects early, so that growth is not garbage. A leak ends the bridge. */
const SMALL_HEAP = '--max-old-space-size=96 --max-semi-space-size=2';

/** The program as the chart starts it, before a real Consul with ACLs, TLS and DNS. */
describe('the API of the bridge, as its OpenAPI document says', function () {
  this.timeout((SECONDS || 0) * 1000 + 1_200_000);
  let bridge: LoneBridge;
  let host: { certificate: string; key: string };
  let known: Record<string, string[]>;
  let keepJoined: NodeJS.Timeout | undefined;

  before(async () => {
    bridge = await startBridgeProcess({ NODE_OPTIONS: SMALL_HEAP });
    for (const service of SERVICES) await bridge.admit(service, [SITE, 'external']);
    const to = { port: bridge.port, caPem: bridge.caPem };
    const admin = openClient({ ...to, ...bridge.admin });
    const key = await makeKey();
    const csr = await makeRequest(key, 'vm1');
    const join = async (): Promise<JoinAnswer> => {
      const { body } = await admin.post('/v1/invites', { service: 'web', site: SITE });
      const { id, secret } = decodeInvite((body as InviteAnswer).invite)!;
      const stranger = openClient(to);
      const joined = await stranger.post('/v1/join', {
        invite: { id, secret },
        host: 'vm1',
        address: '127.0.0.1',
        csr,
      });
      stranger.close();
      expect(joined.status, JSON.stringify(joined.body)).to.equal(200);
      return joined.body as JoinAnswer;
    };
    const { certificate } = await eventually('the bridge knows the MeshServices', 20_000, join);
    host = { certificate, key };
    // A host that left is refused: it joins again, with the key that it has.
    const vm = openClient({ ...to, ...host });
    const notJoined = async (): Promise<boolean> => (await vm.post('/v1/renew', {})).body.code === 'hostUnknown';
    const rejoin = async (): Promise<unknown> => ((await notJoined()) ? join() : undefined);
    keepJoined = setInterval(() => void rejoin().catch(() => undefined), 250);
    known = {
      'body.service': SERVICES,
      'body.site': [SITE, 'external'],
      'body.host': ['vm1'],
      'body.csr': [csr, await makeRequest(await makeKey(), 'vm2')],
      'body.address': ['127.0.0.1', '::1'],
      'body.services[*]': SERVICES,
      'body.wantTokens[*]': SERVICES,
      'body.instances[*].service': SERVICES,
      'body.proxies[*].service': SERVICES,
      'body.name': ['consul.service.consul', 'web.virtual.consul', 'consul'],
      'path.name': ['ledger', 'install.sh'],
      'query.site': ['external'],
    };
  });
  after(async () => {
    clearInterval(keepJoined);
    await bridge?.stop();
  });

  it('has links that lead to operations that there are, from fields that answers have', async () => {
    const reply = await openClient({ port: bridge.port, caPem: bridge.caPem }).send('GET', '/v1/openapi.json');
    const operations = Object.values(reply.body.paths as Record<string, Record<string, Operation>>).flatMap((path) =>
      Object.values(path),
    );
    const links = operations.flatMap((from) =>
      Object.values(from.responses['200']!.links ?? {}).map((to) => [from, to] as const),
    );
    expect(links).not.to.deep.equal([]);
    for (const [from, { operationId, parameters = {}, requestBody = {} }] of links) {
      const to = operations.find((one) => one.operationId === operationId)!;
      const given = Object.keys(parameters).map((one) => one.split('.'));
      for (const [where, name] of given)
        expect(to.parameters, operationId).to.deep.include.members([
          to.parameters!.find((one) => one.in === where && one.name === name),
        ]);
      for (const expression of [...Object.values(parameters), ...Object.values(requestBody)])
        expect(JSON.stringify(from.responses['200']), expression).to.include(`"${expression.split('/').at(-1)}":`);
    }
  });

  for (const [sender, may] of [
    ['nobody', ['anyone']],
    ['host', ['anyone', 'host', 'host+', 'member']],
    ['admin', ['anyone', 'member', 'admin']],
  ] as const) {
    it(`holds for ${sender}: no 5xx, no answer that is not in it, nothing done for who may not, and no growth`, async () => {
      const as = { nobody: undefined, host, admin: bridge.admin }[sender];

      const before = await bridge.answered();
      const size = await bridge.size();
      const budget = SECONDS ? { seconds: Math.ceil(SECONDS / 3) } : { examples: EXAMPLES };
      const document = `https://127.0.0.1:${bridge.port}/v1/openapi.json`;
      const found = await schemathesis({ document, caPem: bridge.caPem, as, seed: SEED, budget, known });
      const answered = (await bridge.answered()).map((one) => ({
        ...one,
        count:
          one.count - (before.find(({ route, status }) => route === one.route && status === one.status)?.count ?? 0),
      }));
      const sum = (chosen: typeof answered): number => chosen.reduce((total, { count }) => total + count, 0);
      const grown = await bridge.size();
      if (SECONDS) {
        const failed = sum(answered.filter(({ status }) => status >= 500));
        console.log(
          `      ${sender}, seed ${SEED}: ${sum(answered)} requests, ${failed} with 5xx; ${size.megabytes} -> ${grown.megabytes} MB, ${size.handles} -> ${grown.handles} handles`,
        );
      }
      expect(found ?? 'nothing').to.equal('nothing');
      expect(bridge.ended(), bridge.log().slice(-2000)).to.equal(undefined);
      expect(answered.filter(({ status, count }) => status >= 500 && count > 0)).to.deep.equal([]);
      // Each path was asked for, with more than what it needs to be listed.
      for (const { path } of ROUTES.filter((one) => one.path !== '/v1/openapi.json'))
        expect(sum(answered.filter(({ route }) => route === path)), path).to.be.at.least(EXAMPLES);
      const others = ROUTES.filter(({ who }) => !(may as readonly string[]).includes(who)).map(({ path }) => path);
      // The host that is kept joined has its invites from the admin.
      const done = answered.filter(({ route, status, count }) => status < 300 && count > 0 && others.includes(route));
      expect(done.filter(({ route }) => route !== '/v1/invites' || sender === 'nobody')).to.deep.equal([]);
      expect(grown.megabytes - size.megabytes).to.be.lessThan(ROOM);
      expect(grown.handles - size.handles).to.be.lessThan(16);
    });
  }
});

interface Operation {
  operationId: string;
  parameters?: { name: string; in: string }[];
  responses: Record<
    string,
    {
      links?: Record<
        string,
        { operationId: string; parameters?: Record<string, string>; requestBody?: Record<string, string> }
      >;
    }
  >;
}
