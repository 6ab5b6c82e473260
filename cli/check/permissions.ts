import type { KubeClient } from '../../clients/kube/client.ts';
import { KubeError, isNotFound } from '../../clients/kube/errors.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { type Check, failed, ok } from './check.ts';
import type { Look } from './look.ts';
import { dryRunCreate } from './probe-pod.ts';

/** One kind of the manifest, in one scope. */
interface Wanted {
  group: string;
  version: string;
  kind: string;
  namespace?: string;
}

interface Served extends Wanted {
  plural: string;
}

/** Server-side apply is a patch; of an object that is not there yet it asks for `create` as well. */
const VERBS = ['create', 'patch'];

/** Asked of the manifest that would be applied, so that they know every kind that it has. */
export const permissionChecks: Check[] = [
  {
    name: 'the API server serves every kind of the installation',
    hint: 'kind-not-served',
    async run(look) {
      const { served, missing } = await kindsOf(look);
      return missing.length === 0 ? ok(`${served.length} kinds`) : failed(`it has no ${missing.join(', ')}`);
    },
  },
  {
    name: 'you may create what the installation consists of',
    hint: 'not-permitted',
    async run(look) {
      const { served } = await kindsOf(look);
      const asked = served.flatMap((kind) => VERBS.map((verb) => ({ ...kind, verb })));
      const answers = await Promise.all(asked.map(async (one) => ({ ...one, may: await mayI(look.kube, one) })));
      const refused = answers.filter(({ may }) => !may);
      if (refused.length === 0) return ok();
      return failed(refused.map(({ verb, plural, group }) => `${verb} ${plural}${group && `.${group}`}`).join(', '));
    },
  },
  {
    name: 'you may grant what the operator needs',
    hint: 'not-permitted',
    async run(look) {
      const path = '/apis/rbac.authorization.k8s.io/v1/clusterroles';
      const roles = (await look.manifest()).filter(({ kind }) => kind === 'ClusterRole');
      const refusals = await Promise.all(
        roles.map((role) =>
          dryRunCreate(look.kube, path, role).then(
            () => [],
            (error: unknown) => {
              // Whether one may grant it is asked before whether there is one already.
              if (error instanceof KubeError && error.code === 409) return [];
              if (error instanceof KubeError && error.code === 403) return [error.message];
              throw error;
            },
          ),
        ),
      );
      return refusals.flat().length === 0 ? ok() : failed(refusals.flat().join('; '));
    },
  },
];

async function kindsOf(look: Look): Promise<{ served: Served[]; missing: string[] }> {
  const wanted = new Map<string, Wanted>();
  for (const object of await look.manifest()) {
    const [version = '', group = ''] = (object.apiVersion ?? '').split('/').reverse();
    const kind = object.kind ?? '';
    const { namespace } = object.metadata;
    wanted.set([group, kind, namespace].join(), {
      group,
      version,
      kind,
      ...(namespace === undefined ? {} : { namespace }),
    });
  }
  const all = await Promise.all(
    [...wanted.values()].map(async (one) => ({ one, plural: await pluralOf(look.kube, one) })),
  );
  return {
    served: all.flatMap(({ one, plural }) => (plural === undefined ? [] : [{ ...one, plural }])),
    missing: all.flatMap(({ one, plural }) =>
      plural === undefined ? [`${one.group && `${one.group}/`}${one.version} ${one.kind}`] : [],
    ),
  };
}

interface ResourceList {
  resources: { name: string; kind: string }[];
}

async function pluralOf(kube: KubeClient, { group, version, kind }: Wanted): Promise<string | undefined> {
  const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const list = await kube.request<ResourceList>('GET', path).catch((error: unknown) => {
    if (isNotFound(error)) return { resources: [] };
    throw error;
  });
  return list.resources.find((resource) => resource.kind === kind && !resource.name.includes('/'))?.name;
}

async function mayI(kube: KubeClient, { group, plural, namespace, verb }: Served & { verb: string }): Promise<boolean> {
  const resourceAttributes = { group, resource: plural, verb, ...(namespace === undefined ? {} : { namespace }) };
  const review = await kube.request<KubeObject & { status: { allowed: boolean } }>(
    'POST',
    '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    {
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes },
      },
    },
  );
  return review.status.allowed;
}
