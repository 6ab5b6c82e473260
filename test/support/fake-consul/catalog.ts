import { demand, may } from './permission.ts';
import {
  type FakeCheck,
  type FakeNode,
  FakeRefusal,
  type FakeReply,
  type FakeRequest,
  type FakeService,
  type FakeState,
  type Raw,
  ok,
} from './state.ts';

interface RegisterBody {
  Node: string;
  Address: string;
  NodeMeta?: Record<string, string>;
  Service?: Raw & { ID: string; Service: string };
  Checks?: (Raw & { CheckID: string; ServiceID: string })[];
}

/** PUT /v1/catalog/register: one raft write, whether anything differs or not. */
export function registerInCatalog(state: FakeState, { body, token }: FakeRequest): FakeReply {
  const { Node, Address, NodeMeta = {}, Service, Checks = [] } = body as RegisterBody;
  if (Node === '') throw new FakeRefusal(400, 'Must provide node');
  if (Address === '') throw new FakeRefusal(500, 'Must provide address if SkipNodeUpdate is not set');
  if (Service !== undefined) {
    if (Service.Service === '') throw new FakeRefusal(500, 'Must provide service name (Service.Service)');
    demand(state, token, 'service', Service.Service, 'write');
    const proxy = Service['Proxy'] as { DestinationServiceName?: string } | undefined;
    if (Service['Kind'] === 'connect-proxy') {
      if (!proxy?.DestinationServiceName) throw new FakeRefusal(500, 'Proxy.DestinationServiceName must be non-empty');
      demand(state, token, 'service', proxy.DestinationServiceName, 'write');
    }
  }
  const held = state.nodes.get(Node);
  const same = held?.Address === Address && JSON.stringify(held.Meta) === JSON.stringify(NodeMeta);
  if (!same) demand(state, token, 'node', Node, 'write');
  state.index++;
  const node = setNode(state.nodes, { Node, Address, Meta: NodeMeta });
  if (Service !== undefined) node.services.set(Service.ID, storedService(Service));
  for (const check of Checks) setCheck(state.nodes, Node, check);
  return ok(true);
}

export function setNode(
  nodes: Map<string, FakeNode>,
  { Node, Address, Meta }: { Node: string; Address: string; Meta?: Record<string, string> },
): FakeNode {
  const held = nodes.get(Node);
  const node = {
    Node,
    Address,
    Meta: Meta ?? {},
    services: held?.services ?? new Map(),
    checks: held?.checks ?? new Map(),
  };
  nodes.set(Node, node);
  return node;
}

/** With what Consul adds to what it is given. */
const storedService = (given: Raw & { ID: string; Service: string }): FakeService => ({
  Kind: '',
  Address: '',
  Tags: null,
  Meta: null,
  Weights: { Passing: 1, Warning: 1 },
  EnableTagOverride: false,
  Connect: {},
  PeerName: '',
  ...structuredClone(given),
  Proxy: { Mode: '', MeshGateway: {}, Expose: {}, ...structuredClone((given['Proxy'] as Raw | undefined) ?? {}) },
});

/** A `service set` of a txn: of a proxy it keeps whom it stands for, and drops the rest without a word. */
export function setPlainService(
  nodes: Map<string, FakeNode>,
  nodeName: string,
  given: Raw & { ID: string; Service: string },
): void {
  const node = nodes.get(nodeName);
  if (node === undefined) throw new FakeRefusal(500, 'Missing node registration');
  const kept = ['DestinationServiceName', 'DestinationServiceID', 'LocalServiceAddress', 'LocalServicePort'];
  const proxy = Object.entries((given['Proxy'] as Raw | undefined) ?? {}).filter(([field]) => kept.includes(field));
  node.services.set(given.ID, storedService({ ...given, Proxy: Object.fromEntries(proxy) }));
}

export function setCheck(nodes: Map<string, FakeNode>, nodeName: string, given: Raw & { CheckID: string }): void {
  const node = nodes.get(nodeName);
  if (node === undefined) throw new FakeRefusal(500, 'Missing node registration');
  const serviceId = (given['ServiceID'] as string | undefined) ?? '';
  const service = node.services.get(serviceId);
  if (serviceId !== '' && service === undefined) throw new FakeRefusal(500, 'Missing service registration');
  const check = { Status: 'critical', Output: '', Notes: '', Definition: {}, ...given } as Raw & { CheckID: string };
  const ServiceName = service?.Service ?? '';
  node.checks.set(given.CheckID, { ...check, Node: nodeName, ServiceID: serviceId, ServiceName } as FakeCheck);
}

export function deleteService(nodes: Map<string, FakeNode>, nodeName: string, id: string): void {
  const node = nodes.get(nodeName);
  node?.services.delete(id);
  for (const check of [...(node?.checks.values() ?? [])])
    if (check.ServiceID === id) node?.checks.delete(check.CheckID);
}

const head = ({ Node, Address, Meta }: FakeNode): Raw => ({ Node, Address, Meta, Datacenter: 'dc1' });

export function nodeServices(state: FakeState, { path, token }: FakeRequest): FakeReply {
  const node = state.nodes.get(path[2]!);
  if (node === undefined) return ok({ Node: null, Services: null });
  if (!may(state, token, 'node', node.Node, 'read')) {
    return { status: 200, body: { Node: null, Services: null }, filtered: token !== '' };
  }
  const all = [...node.services.values()];
  const shown = all.filter((service) => may(state, token, 'service', service.Service, 'read'));
  const body = { Node: head(node), Services: structuredClone(shown) };
  return { status: 200, body, filtered: token !== '' && shown.length < all.length };
}

export function nodeHealth(state: FakeState, { path, token }: FakeRequest): FakeReply {
  const all = [...(state.nodes.get(path[2]!)?.checks.values() ?? [])];
  const shown = may(state, token, 'node', path[2]!, 'read')
    ? all.filter((check) => check.ServiceName === '' || may(state, token, 'service', check.ServiceName, 'read'))
    : [];
  return { status: 200, body: structuredClone(shown), filtered: token !== '' && shown.length < all.length };
}

export function nodeList(state: FakeState, { query, token }: FakeRequest): FakeReply {
  return ok(nodesOf(state, query, token).map(head));
}

/** Those that the token may read and the filter lets pass: `Node matches "..."`, or `Node == ""` for none. */
function nodesOf(state: FakeState, query: FakeRequest['query'], token: string): FakeNode[] {
  const { filter = '' } = query;
  if (filter === 'Node == ""') return [];
  const quoted = /^Node matches (".*")$/.exec(filter);
  const pattern = new RegExp(quoted ? (JSON.parse(quoted[1]!) as string) : '');
  const all = [...state.nodes.values()].filter((node) => may(state, token, 'node', node.Node, 'read'));
  return all.filter((node) => pattern.test(node.Node));
}

/** GET /v1/health/state/any */
export function stateHealth(state: FakeState, { query, token }: FakeRequest): FakeReply {
  const checks = nodesOf(state, query, token).flatMap((node) => [...node.checks.values()]);
  return ok(
    structuredClone(checks.filter((c) => c.ServiceName === '' || may(state, token, 'service', c.ServiceName, 'read'))),
  );
}

export function serviceList(state: FakeState, { token }: FakeRequest): FakeReply {
  const names = [...state.nodes.values()].flatMap((node) => [...node.services.values()].map((s) => s.Service));
  return ok(Object.fromEntries(names.filter((n) => may(state, token, 'service', n, 'read')).map((n) => [n, []])));
}

/** /v1/health/service/:name and /v1/health/connect/:name. */
export function serviceHealth(state: FakeState, { path, token }: FakeRequest): FakeReply {
  const [, view, name = ''] = path;
  const fits = (service: FakeService): boolean =>
    view === 'connect'
      ? service.Kind === 'connect-proxy' && service.Proxy['DestinationServiceName'] === name
      : service.Service === name;
  const all = [...state.nodes.values()].flatMap((node) =>
    [...node.services.values()].filter(fits).map((service) => ({ node, service })),
  );
  const shown = all.filter(
    ({ node, service }) =>
      may(state, token, 'node', node.Node, 'read') && may(state, token, 'service', service.Service, 'read'),
  );
  const body = shown.map(({ node, service }) => ({
    Node: head(node),
    Service: structuredClone(service),
    Checks: [...node.checks.values()].filter((check) => check.ServiceID === '' || check.ServiceID === service.ID),
  }));
  return { status: 200, body, filtered: token !== '' && shown.length < all.length };
}
