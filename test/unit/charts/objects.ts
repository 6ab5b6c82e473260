import { synthesize } from '../../../charts/synthesize.ts';
import { parseValues } from '../../../charts/values.ts';
import type { ValuesInput } from '../../../charts/values/schema.ts';
import type { PodSpec } from './restricted.ts';

/** Any object of the chart, as far as the tests look into it. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the tests walk the JSON of a dozen kinds
  [field: string]: any;
}

export interface Template {
  metadata: { labels: Record<string, string> };
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as above
  spec: PodSpec & Record<string, any>;
}

/** Values under which every part is there. */
export const everything: ValuesInput = {
  bridge: { enabled: true, advertise: ['192.0.2.10:30443'] },
  consul: { advertise: ['192.0.2.10:30503'] },
  edge: { enabled: true },
  gateway: { enabled: true },
};

export const chart = (values: ValuesInput = everything): Manifest[] => synthesize(parseValues(values)) as Manifest[];

export const ofKind = (objects: Manifest[], ...kinds: string[]): Manifest[] =>
  objects.filter(({ kind }) => kinds.includes(kind));

export function named(objects: Manifest[], kind: string, name: string): Manifest {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  if (found === undefined) throw new Error(`the chart has no ${kind} ${name}`);
  return found;
}

/** Everything that makes pods, with its template. */
export const podMakers = (objects: Manifest[]): { maker: Manifest; template: Template }[] =>
  objects
    .filter(({ spec }) => spec?.template?.spec?.containers !== undefined)
    .map((maker) => ({ maker, template: maker['spec'].template as Template }));
