import { consulOver } from '../../../clients/consul/connect.ts';
import type { Consul } from '../../../clients/consul/consul.ts';
import { ConsulUnavailable } from '../../../clients/consul/errors.ts';
import { refusal } from '../../../clients/consul/refusal.ts';
import type { ConsulRequest, Transport } from '../../../clients/consul/transport.ts';
import * as acl from './acl.ts';
import * as catalog from './catalog.ts';
import * as config from './config.ts';
import { kv, session } from './kv.ts';
import { FakeRefusal, type FakeReply, type FakeRequest, type FakeState, emptyState, ok } from './state.ts';
import { transact } from './txn.ts';

/**
 * Consul in memory, below the client's transport, so the real client runs above it. It keeps Consul's rules on
 * compare-and-set, transactions, cascades, permissions, and what Consul adds to what it is given.
 */
export interface FakeConsul {
  /** A client without a token, which may do everything unless `acl` was asked for. */
  consul: Consul;
  connect(token?: string | (() => string | undefined)): Consul;
  transport(token?: string | (() => string | undefined)): Transport;
  /** Every request so far, for example `PUT /txn`, failed ones included. May be emptied. */
  requests: string[];
  /** While false every request fails as when no server answers. */
  available: boolean;
  raftIndex(): number;
  /** Forgets everything, its ACLs too: it is as it was when it was made. */
  lose(): void;
}

export function fakeConsul(options: { acl?: boolean } = {}): FakeConsul {
  const state = emptyState(options.acl ?? false);
  const transport = (token: string | (() => string | undefined) = ''): Transport => ({
    async send(request) {
      fake.requests.push(`${request.method} ${request.path}`);
      // As over a network, nothing is answered in the same turn.
      await new Promise((next) => setImmediate(next));
      if (!fake.available) throw new ConsulUnavailable('No Consul server answered: the fake is switched off');
      const secret = request.token ?? (typeof token === 'function' ? token() : token) ?? '';
      return answer(state, request, secret);
    },
    close: () => undefined,
  });
  const fake: FakeConsul = {
    consul: consulOver(transport()),
    connect: (token) => consulOver(transport(token)),
    transport,
    requests: [],
    available: true,
    raftIndex: () => state.index,
    lose: () => void Object.assign(state, emptyState(state.acl)),
  };
  return fake;
}

function answer(state: FakeState, request: ConsulRequest, token: string): Awaited<ReturnType<Transport['send']>> {
  const parsed: FakeRequest = {
    method: request.method,
    path: request.path.slice(1).split('/').map(decodeURIComponent),
    query: Object.fromEntries(Object.entries(request.query ?? {}).map(([key, value]) => [key, String(value)])),
    body: Buffer.isBuffer(request.body) ? request.body : structuredClone(request.body),
    token,
  };
  const reply = handled(state, parsed);
  if (reply.status >= 300 && !request.accept?.includes(reply.status)) {
    throw refusal(`${request.method} /v1${request.path}`, reply.status, String(reply.body));
  }
  return {
    ...reply,
    index: String(state.index),
    filtered: reply.filtered ?? false,
    anonymous: state.acl && token === '',
  };
}

function handled(state: FakeState, request: FakeRequest): FakeReply {
  try {
    return route(state, request);
  } catch (error) {
    if (error instanceof FakeRefusal) return { status: error.status, body: error.message };
    throw error;
  }
}

type Handler = (state: FakeState, request: FakeRequest) => FakeReply;

const HANDLERS: Record<string, Handler> = {
  'PUT catalog/register': catalog.registerInCatalog,
  'GET catalog/node-services': catalog.nodeServices,
  'GET catalog/nodes': catalog.nodeList,
  'GET catalog/services': catalog.serviceList,
  'GET health/node': catalog.nodeHealth,
  'GET health/state': catalog.stateHealth,
  'GET health/service': catalog.serviceHealth,
  'GET health/connect': catalog.serviceHealth,
  'PUT txn': transact,
  'PUT config': config.setConfig,
  'GET config': config.getConfig,
  'DELETE config': config.deleteConfig,
  kv,
  session,
  'PUT acl/bootstrap': acl.bootstrap,
  'acl/policy': acl.policy,
  'acl/policies': acl.policy,
  'acl/token': acl.token,
  'acl/tokens': acl.token,
  'acl/auth-method': acl.authMethod,
  'acl/binding-rule': acl.bindingRule,
  'acl/binding-rules': acl.bindingRule,
  'POST acl/login': acl.login,
  'POST acl/logout': acl.logout,
  'GET status/leader': () => ok('127.0.0.1:8300'),
  'GET agent/self': (state) => ok(selfOf(state)),
  'GET connect/ca': () => ok(ROOTS),
};

const ROOTS = {
  TrustDomain: '11111111-2222-3333-4444-555555555555.consul',
  ActiveRootID: 'aa:bb',
  Roots: [{ ID: 'aa:bb', Name: 'Consul CA Root Cert', Active: true, RootCert: '-----BEGIN CERTIFICATE-----\n' }],
};

const selfOf = (state: FakeState): object => ({
  Config: { Version: '1.22.6', Datacenter: 'dc1', NodeName: 'server-1' },
  Stats: { raft: { applied_index: String(state.index) } },
});

function route(state: FakeState, request: FakeRequest): FakeReply {
  const [area = '', what = ''] = request.path;
  const keys = [`${request.method} ${area}/${what}`, `${request.method} ${area}`, `${area}/${what}`, area];
  const handler = keys.map((key) => HANDLERS[key]).find((found) => found !== undefined);
  if (handler === undefined) throw new FakeRefusal(404, `the fake has no ${request.method} ${request.path.join('/')}`);
  return handler(state, request);
}
