import { expect } from 'chai';
import { parseValues, ValuesError } from '../../../charts/values.ts';
import { type ValuesInput, valuesSchema } from '../../../charts/values/schema.ts';
import { z } from 'zod';
import { withoutDefault } from '../../../charts/template/values-tree.ts';
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

/** Bases under which some value shows that does not show under every other. */
const bases: ValuesInput[] = [
  everything,
  merge(everything, {
    metrics: { podMonitor: { enabled: true } },
    externalConsul: {
      enabled: true,
      addresses: ['consul.example:8501'],
      grpc: 'consul.example:8503',
      ca: { name: 'consul-ca' },
      token: { name: 'consul-token' },
    },
  }),
  {},
  {
    externalConsul: {
      addresses: ['consul.example:8501'],
      grpc: 'consul.example:8503',
      ca: { name: 'consul-ca' },
      token: { name: 'consul-token' },
    },
  },
];

const outputs = new Map<ValuesInput, string>();
function outputOf(base: ValuesInput): string {
  if (!outputs.has(base)) outputs.set(base, JSON.stringify(chart(base)));
  return outputs.get(base)!;
}

/** Other values than the default, where the type does not give them. */
const special: Record<string, unknown> = {
  'consul.tokenTtl': '30m',
  'consul.servers': 3,
  'sidecar.resources.requests.cpu': '99m',
  'sidecar.resources.limits.cpu': '2',
  'metrics.podMonitor.interval': '17s',
  watchNamespaces: ['shop', 'books'],
  tolerations: [{ key: 'other', operator: 'Exists' }],
  affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
};

interface Leaf {
  key: string;
  schema: z.ZodType;
  path: string[];
}

function leavesOf(schema: z.ZodObject, path: string[] = []): Leaf[] {
  return Object.entries(schema.shape).flatMap(([key, below]) => {
    const inner = withoutDefault(below as z.ZodType);
    const at = [...path, key];
    return inner instanceof z.ZodObject ? leavesOf(inner, at) : [{ key: at.join('.'), schema: inner, path: at }];
  });
}

function another(schema: z.ZodType, key: string, old: unknown): unknown {
  if (key in special) return special[key];
  if (schema instanceof z.ZodBoolean) return !old;
  if (schema instanceof z.ZodNumber) return (old as number) + 1;
  if (schema instanceof z.ZodEnum) return schema.options.find((option) => option !== old);
  if (schema instanceof z.ZodRecord)
    return [{ other: 'value' }, { other: ['value'] }].find((map) => schema.safeParse(map).success);
  const texts = ['other', '99Mi', 'other.example:99'].filter((text) => schema.safeParse(text).success);
  if (texts.length > 0) return texts[0];
  return [['other'], ['other.example:99']].find((list) => schema.safeParse(list).success);
}

const nested = ([first = '', ...rest]: string[], value: unknown): object => ({
  [first]: rest.length > 0 ? nested(rest, value) : value,
});
const at = (values: unknown, path: string[]): unknown =>
  path.reduce((inner, key) => (inner as Record<string, unknown>)[key], values);

function descriptionAt(path: string[]): string | undefined {
  const schema = path.reduce<z.ZodType>(
    (inner, key) => (withoutDefault(inner) as z.ZodObject).shape[key] as z.ZodType,
    valuesSchema,
  );
  return schema.description;
}

function canBeUsed(values: unknown): boolean {
  try {
    return Boolean(parseValues(values));
  } catch {
    return false;
  }
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
  for (const { key, schema, path } of leavesOf(valuesSchema)) {
    it(`carries ${key} into the output`, () => {
      const shows = bases.some((base) => {
        const old = at(parseValues(base), path);
        const changed = merge(base, nested(path, another(schema, key, old)));
        // Some values are needed by others: under one of the bases they are there.
        if (!canBeUsed(changed)) return false;
        return JSON.stringify(chart(changed)) !== outputOf(base);
      });
      expect(shows).to.equal(true);
    });
  }

  it('has at most 120 keys, each with a reason', () => {
    const leaves = leavesOf(valuesSchema);
    expect(leaves.length).to.be.at.most(120);
    for (const { path, key } of leaves) expect(descriptionAt(path), key).to.match(/^[A-Zh].{10,}\.$/);
  });

  it('takes an empty file as all defaults', () => {
    expect(parseValues(undefined)).to.deep.equal(parseValues({}));
    expect(parseValues(null)).to.deep.equal(parseValues({}));
  });

  it('names an unknown key and the known keys of that place', () => {
    expect(problemsOf({ bridge: { adverise: [] } })).to.equal(
      'The values cannot be used:\n' +
        '  bridge.adverise: there is no such key; known here: enabled, replicas, exposure, nodePort, serviceAnnotations, advertise, ' +
        'leaseSeconds, deregisterAfterHours, resources',
    );
    expect(problemsOf({ brige: {} })).to.include('  brige: there is no such key; known here: cluster, defaultAccess,');
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

  it('refuses a namespace that is named twice', () => {
    expect(problemsOf({ watchNamespaces: ['shop', 'shop'] })).to.include('watchNamespaces: names a namespace twice');
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

describe('the heap of the operator', () => {
  const options = (memory?: string): string => {
    const values = memory === undefined ? {} : { operator: { resources: { limits: { memory } } } };
    const { spec } = named(chart(values), 'Deployment', 'landbridge-operator');
    const env = spec.template.spec.containers[0].env as { name: string; value: string }[];
    return env.find(({ name }) => name === 'NODE_OPTIONS')!.value;
  };

  it('leaves room in the default limit for memory outside the heap, and follows another limit', () => {
    const MIB = 2 ** 20;
    const [, old] = /--max-old-space-size=(\d+)/.exec(options())!;
    const [, semi] = /--max-semi-space-size=(\d+)/.exec(options())!;
    expect((Number(old) + 3 * Number(semi) + 70) * MIB).to.be.at.most(256 * MIB);
    expect(options('1Gi')).not.to.include('old-space');
  });
});
