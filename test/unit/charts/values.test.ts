import { expect } from 'chai';
import { parseValues, ValuesError, valuesSchema, type ValuesInput } from '../../../charts/values.ts';
import { z } from 'zod';
import { chart, everything, named, ofKind } from './objects.ts';

const merge = (base: object, over: object): object => {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const old = merged[key];
    const both = [old, value].every((part) => typeof part === 'object' && part !== null && !Array.isArray(part));
    merged[key] = both ? merge(old as object, value as object) : value;
  }
  return merged;
};

/** One row a key: a value that is not the default, and text that must appear in the output with it and not without. */
const table: [key: string, values: ValuesInput, shows: string][] = [
  ['cluster', { cluster: 'prod-eu' }, '"LANDBRIDGE_CLUSTER","value":"prod-eu"'],
  ['images.landbridge', { images: { landbridge: 'a/landbridge:7' } }, '"image":"a/landbridge:7"'],
  ['images.bridge', { images: { bridge: 'a/bridge:7' } }, '"image":"a/bridge:7"'],
  ['images.envoy', { images: { envoy: 'a/envoy:7' } }, '"LANDBRIDGE_SIDECAR_IMAGE","value":"a/envoy:7"'],
  ['images.consul', { images: { consul: 'a/consul:7' } }, '"image":"a/consul:7"'],
  ['imagePullPolicy', { imagePullPolicy: 'Always' }, '"LANDBRIDGE_SIDECAR_PULL_POLICY","value":"Always"'],
  ['logLevel', { logLevel: 'debug' }, '"LANDBRIDGE_LOG_LEVEL","value":"debug"'],
  ['nodeSelector', { nodeSelector: { pool: 'mesh' } }, '"nodeSelector":{"pool":"mesh"}'],
  ['tolerations', { tolerations: [{ key: 'mesh', operator: 'Exists' }] }, '"tolerations":[{"key":"mesh"'],
  ['operator.replicas', { operator: { replicas: 3 } }, '"replicas":3'],
  ['operator.resources', { operator: { resources: { limits: { memory: '333Mi' } } } }, '"memory":"333Mi"'],
  ['bridge.enabled', { bridge: { enabled: true } }, '"args":["bridge"]'],
  ['bridge.nodePort', { bridge: { nodePort: 31111 } }, '"nodePort":31111'],
  ['bridge.advertise', { bridge: { advertise: ['a.example:1', '[2001:db8::1]:2'] } }, '"a.example:1,[2001:db8::1]:2"'],
  ['bridge.leaseSeconds', { bridge: { leaseSeconds: 9 } }, '"LANDBRIDGE_LEASE_MS","value":"9000"'],
  ['bridge.resources', { bridge: { resources: { requests: { cpu: '77m' } } } }, '"cpu":"77m"'],
  ['consul.storageClass', { consul: { storageClass: 'fast' } }, '"storageClassName":"fast"'],
  ['consul.storage', { consul: { storage: '5Gi' } }, '"storage":"5Gi"'],
  ['consul.xdsNodePort', { consul: { xdsNodePort: 31112 } }, '"nodePort":31112'],
  [
    'consul.advertise',
    { consul: { advertise: ['b.example:1'] } },
    '"LANDBRIDGE_CONSUL_GRPC_ADVERTISE","value":"b.example:1"',
  ],
  ['consul.tokenTtl', { consul: { tokenTtl: '30m' } }, '"LANDBRIDGE_TOKEN_TTL","value":"30m"'],
  ['consul.resources', { consul: { resources: { limits: { memory: '777Mi' } } } }, '"memory":"777Mi"'],
];

/** The keys of the schema, down to where a value is set as a whole. */
function keysOf(schema: { properties?: Record<string, object> }, prefix = ''): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, below]) => {
    const at = `${prefix}${key}`;
    const inner = below as { properties?: Record<string, object> };
    return inner.properties === undefined || key === 'resources' ? [at] : keysOf(inner, `${at}.`);
  });
}

const problemsOf = (input: unknown): string => {
  try {
    parseValues(input);
  } catch (error) {
    expect(error).to.be.instanceOf(ValuesError);
    return (error as Error).message;
  }
  throw new Error('these values were taken');
};

describe('Values of the chart', () => {
  for (const [key, values, shows] of table) {
    it(`carries ${key} into the output`, () => {
      const base =
        key === 'bridge.enabled' ? { ...everything, bridge: { advertise: ['192.0.2.10:30443'] } } : everything;
      expect(JSON.stringify(chart(base))).not.to.include(shows);
      expect(JSON.stringify(chart(merge(base, values)))).to.include(shows);
    });
  }

  it('has a row in this table for every key', () => {
    const schema = z.toJSONSchema(valuesSchema, { io: 'input' }) as { properties: Record<string, object> };
    expect(table.map(([key]) => key)).to.have.members(keysOf(schema));
  });

  it('takes an empty file as all defaults', () => {
    expect(parseValues(undefined)).to.deep.equal(parseValues({}));
    expect(parseValues(null)).to.deep.equal(parseValues({}));
  });

  it('names an unknown key and those that are known there', () => {
    expect(problemsOf({ bridge: { adverise: [] } })).to.equal(
      'The values cannot be used:\n' +
        '  bridge.adverise: there is no such key; known here: enabled, nodePort, advertise, leaseSeconds, resources',
    );
    expect(problemsOf({ brige: {} })).to.include('  brige: there is no such key; known here: cluster, images,');
    expect(problemsOf({ tolerations: [{ kee: 'a' }] })).to.include(
      'tolerations.0.kee: there is no such key; known here: key',
    );
  });

  it('names every bad value at once', () => {
    const problems = problemsOf({ cluster: 'Prod', consul: { tokenTtl: '5m' }, operator: { replicas: 0 } });
    expect(problems).to.match(/^ {2}cluster: is no name/m);
    expect(problems).to.match(/^ {2}consul\.tokenTtl: is not from 10m to 24h/m);
    expect(problems).to.match(/^ {2}operator\.replicas: /m);
  });

  it('asks for the addresses that a bridge is reached at', () => {
    const problems = problemsOf({ bridge: { enabled: true } });
    expect(problems).to.include('bridge.advertise: is empty');
    expect(problems).to.include('consul.advertise: is empty');
    expect(problems).to.include('for example 192.0.2.10:30503');
  });

  it('refuses one node port for two things', () => {
    expect(problemsOf(merge(everything, { bridge: { nodePort: 30503 } }))).to.include(
      'bridge.nodePort: is consul.xdsNodePort too',
    );
  });

  it('deploys nothing for outside machines unless the bridge is enabled', () => {
    const objects = chart({});
    expect(objects.some(({ metadata }) => metadata.name === 'landbridge-bridge')).to.equal(false);
    expect(ofKind(objects, 'Service').map(({ spec }) => spec.type)).not.to.include('NodePort');
  });

  it('guards several operators against disruption, and does not let a single one block a node drain', () => {
    expect(ofKind(chart({ operator: { replicas: 2 } }), 'PodDisruptionBudget')).to.have.length(1);
    expect(ofKind(chart({ operator: { replicas: 1 } }), 'PodDisruptionBudget')).to.have.length(0);
  });

  it('makes the same bootstrap Job of the same values, and another of others', () => {
    const job = (values: ValuesInput) => ofKind(chart(values), 'Job')[0]!.metadata.name;
    expect(job({})).to.equal(job({}));
    expect(job({ images: { landbridge: 'a/landbridge:2' } })).not.to.equal(job({}));
    expect(job({ operator: { replicas: 3 } })).to.equal(job({}));
  });

  it('restarts Consul when its configuration changes', () => {
    const hash = (values: ValuesInput) =>
      named(chart(values), 'StatefulSet', 'landbridge-consul-server')['spec'].template.metadata.annotations;
    expect(hash({ logLevel: 'debug' })).not.to.deep.equal(hash({}));
    expect(hash({ operator: { replicas: 1 } })).to.deep.equal(hash({}));
  });
});
