import type { CheckEntry, Health, NodeEntry, Registration } from '../../../mesh/catalog/entry.ts';
import { OWNER_META } from '../../../mesh/catalog/entry.ts';
import type { Change, Outcome } from '../../../mesh/catalog/plan.ts';

export const owned = (owner: string): Record<string, string> => ({ [OWNER_META]: owner });

export const nodeOf = (name: string, owner = 'tester'): Omit<NodeEntry, 'registrations'> => ({
  Node: name,
  Address: '127.0.0.1',
  Meta: { 'synthetic-node': 'true', ...owned(owner) },
});

export const checkOf = (serviceId: string, status: Health = 'passing', output = 'pod is ready'): CheckEntry => ({
  CheckID: `${serviceId}/health`,
  Name: 'app health',
  Status: status,
  Output: output,
  ServiceID: serviceId,
});

export const appOf = (id: string, service: string, status: Health = 'passing'): Registration => ({
  service: {
    ID: id,
    Service: service,
    Address: '10.1.2.3',
    Port: 8080,
    Tags: ['v1', 'blue'],
    Meta: { platform: 'pod', version: 'v1' },
  },
  checks: [checkOf(id, status)],
});

export const sidecarOf = (id: string, service: string, status: Health = 'passing'): Registration => ({
  service: {
    ID: `${id}-sidecar`,
    Service: `${service}-sidecar-proxy`,
    Kind: 'connect-proxy',
    Address: '10.1.2.3',
    Port: 20000,
    Tags: [],
    Meta: {},
    Proxy: {
      DestinationServiceName: service,
      DestinationServiceID: id,
      LocalServiceAddress: '127.0.0.1',
      LocalServicePort: 8080,
      Config: { bind_address: '0.0.0.0', local_connect_timeout_ms: 250, nested: { list: [1, 'two', true] } },
      Upstreams: [
        { DestinationName: 'add-svc', DestinationType: 'service', LocalBindAddress: '127.0.0.1', LocalBindPort: 9191 },
        {
          DestinationName: 'sub-svc',
          DestinationType: 'service',
          LocalBindAddress: '127.0.0.1',
          LocalBindPort: 8181,
          Config: { connect_timeout_ms: 1000 },
        },
      ],
      AccessLogs: { Enabled: true, Type: 'stdout' },
    },
  },
  checks: [checkOf(`${id}-sidecar`, status)],
});

/** A whole node as readNode gives it, and the changes that make it. */
export function nodeWith(name: string, ...registrations: Registration[]): { entry: NodeEntry; changes: Change[] } {
  const node = nodeOf(name);
  const byId = Object.fromEntries(registrations.map((registration) => [registration.service.ID, registration]));
  const changes: Change[] = registrations.map((registration) => ({ op: 'register', node, registration }));
  return { entry: { ...node, registrations: byId }, changes };
}

export const errorsOf = (outcomes: Outcome[]): (string | undefined)[] =>
  outcomes.map((outcome) => (outcome.ok ? undefined : outcome.error));
