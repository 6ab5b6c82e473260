import type { KubeClient } from '../clients/kube/client.ts';
import { KubeError } from '../clients/kube/errors.ts';
import type { KubeObject } from '../clients/kube/object.ts';
import { collectionPath, meshServices, objectPath } from '../clients/kube/resources.ts';
import { didYouMean } from '../mesh/names/near-name.ts';
import { fieldsAt } from './manifest/read-mesh-service.ts';

export interface Judgement {
  /** As the cluster has it now; undefined: it is new. */
  before: KubeObject | undefined;
  /** As the cluster would have it; undefined when it is refused, or when we may not ask. */
  after: KubeObject | undefined;
  refusal: { message: string; byWebhook: boolean } | undefined;
}

/** The API server's answer without the words that name the request. */
const PREAMBLE = /^.*?: \d{3} \w+: /;
const BY_WEBHOOK = /admission webhook "[^"]*landbridge\.dev" denied the request(?:: )?/;
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * Asks the API server by a dry run how `kubectl apply -f` of this MeshService would end; nothing is stored. The patch is the one
 * that kubectl makes for custom kinds: a field that was applied before and left the file is removed, a list is replaced by the
 * list of the file, and fields that others have set stay. Throws KubeError when the server does not answer.
 */
export async function judgeApply(kube: KubeClient, object: KubeObject, namespace: string): Promise<Judgement> {
  const asked = { ...object, metadata: { ...object.metadata, namespace } };
  const query = { fieldManager: 'kubectl-client-side-apply', fieldValidation: 'Strict', dryRun: 'All' };
  let before: KubeObject | undefined;
  try {
    before = await kube.get<KubeObject>(meshServices, object.metadata.name, namespace);
    const after =
      before === undefined
        ? await kube.request<KubeObject>('POST', collectionPath(meshServices, namespace), { body: asked, query })
        : await kube.request<KubeObject>('PATCH', objectPath(meshServices, object.metadata.name, namespace), {
            body: withRemovals(lastApplied(before), asked) as object,
            contentType: 'application/merge-patch+json',
            query,
          });
    return { before, after, refusal: undefined };
  } catch (error) {
    if (!(error instanceof KubeError) || error.kind !== 'fix') throw error;
    const byWebhook = BY_WEBHOOK.test(error.message);
    if (error.code === 401 || (error.code === 403 && !byWebhook))
      return { before, after: undefined, refusal: undefined };
    return { before, after: undefined, refusal: { message: plain(error.message), byWebhook } };
  }
}

function lastApplied(before: KubeObject): unknown {
  const { annotations } = before.metadata as { annotations?: Record<string, string> };
  try {
    return JSON.parse(annotations?.[LAST_APPLIED] ?? 'null');
  } catch {
    return null;
  }
}

/** RFC 7386: null takes a field out. */
function withRemovals(applied: unknown, asked: unknown): unknown {
  if (!isMap(applied) || !isMap(asked)) return asked;
  const gone = Object.keys(applied).filter((key) => asked[key] === undefined);
  return {
    ...Object.fromEntries(Object.entries(asked).map(([key, value]) => [key, withRemovals(applied[key], value)])),
    ...Object.fromEntries(gone.map((key) => [key, null])),
  };
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `unknown field "spec.acess"; did you mean "access"?` in the place of what the server says around it. */
function plain(message: string): string {
  const words = message.replace(PREAMBLE, '').replace(BY_WEBHOOK, '');
  const unknown = [...words.matchAll(/unknown field "([^"]+)"/g)].map(([, field]) => field!);
  if (unknown.length === 0) return words;
  return unknown
    .map((field) => {
      const path = field.replace(/^spec\./, '').split('.');
      const where = path.slice(0, -1).flatMap((step) => {
        const [, name, index] = /^([^[]+)(?:\[(\d+)\])?$/.exec(step) ?? [];
        return [name ?? step, ...(index === undefined ? [] : [Number(index)])];
      });
      const known = field.startsWith('spec.') ? fieldsAt(where) : ['metadata', 'spec', 'status'];
      return `unknown field "${field}"${didYouMean(path.at(-1)!, known)}`;
    })
    .join('; ');
}
