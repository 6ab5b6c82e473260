import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Pod } from '../../../crds/kubernetes.ts';
import { ensurePart } from '../../../lab/parts/ensure-part.ts';
import { silent } from '../../../lab/progress/progress.ts';

interface Schema {
  $ref?: string;
  allOf?: Schema[];
  oneOf?: Schema[];
  type?: string;
  format?: string;
  enum?: string[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema;
  items?: Schema;
}

/** Deeper than this only what is required is made. */
const DEPTH = 7;

/**
 * Pods with any fields that the schema of an API server of this version, `1.29`, has: each is there or not, lists are empty or
 * long, texts hold what JSON pointers have to escape. They are right by their shape alone, and no API server takes most of them.
 */
export async function arbitraryPod(version: string): Promise<fc.Arbitrary<Pod>> {
  const file = join(await ensurePart(`kubernetes-schemas-${version}`, silent), 'api__v1_openapi.json');
  const { components } = JSON.parse(readFileSync(file, 'utf8')) as { components: { schemas: Record<string, Schema> } };
  const { schemas } = components;

  function valueOf(schema: Schema, depth: number): fc.Arbitrary<unknown> {
    const ref = schema.$ref ?? schema.allOf?.[0]?.$ref;
    if (ref !== undefined) return valueOf(schemas[ref.replace('#/components/schemas/', '')]!, depth);
    if (schema.oneOf !== undefined) return fc.oneof(...schema.oneOf.map((one) => valueOf(one, depth)));
    if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
    switch (schema.type) {
      case 'string':
        return fc.constantFrom('', 'a', 'a/b', 'c~d', 'UP_0_ADDR', 'landbridge', 'Always', 'http', '100m', '64Mi');
      case 'boolean':
        return fc.boolean();
      case 'integer':
        return fc.integer({ min: 0, max: 8000 });
      case 'number':
        return fc.double({ noNaN: true, noDefaultInfinity: true });
      case 'array':
        return depth > DEPTH ? fc.constant([]) : fc.array(valueOf(schema.items ?? {}, depth + 1), { maxLength: 3 });
      default:
        return objectOf(schema, depth);
    }
  }
  function objectOf({ properties, additionalProperties, required = [] }: Schema, depth: number): fc.Arbitrary<unknown> {
    if (properties === undefined) {
      if (additionalProperties === undefined || depth > DEPTH) return fc.constant({});
      return fc.dictionary(
        fc.constantFrom('a', 'a/b', 'c~d', 'cpu', 'memory'),
        valueOf(additionalProperties, depth + 1),
        {
          maxKeys: 3,
        },
      );
    }
    const names = Object.keys(properties).filter((name) => depth <= DEPTH || required.includes(name));
    const others = names.filter((name) => !required.includes(name));
    return fc
      .subarray(others, { maxLength: Math.min(6, others.length) })
      .chain((some) =>
        fc.record(
          Object.fromEntries([...required, ...some].map((name) => [name, valueOf(properties[name]!, depth + 1)])),
        ),
      );
  }
  const schemaOf = (name: string): Schema => schemas[`io.k8s.api.core.v1.${name}`]!;
  return fc
    .tuple(
      valueOf(schemas['io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta']!, 0),
      valueOf(schemaOf('PodSpec'), 0),
      fc.array(valueOf(schemaOf('Container'), 2), { minLength: 1, maxLength: 3 }),
      fc.option(fc.array(valueOf(schemaOf('Container'), 2), { maxLength: 3 }), { nil: undefined }),
    )
    .map(([metadata, spec, containers, initContainers]) => {
      const more = initContainers === undefined ? {} : { initContainers };
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { ...(spec as object), containers, ...more } };
      return JSON.parse(JSON.stringify(pod)) as Pod;
    });
}
