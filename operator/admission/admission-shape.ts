import { z } from 'zod';

const texts = z.record(z.string(), z.string()).nullish();
const named = z.looseObject({ name: z.string() });
const container = z.looseObject({
  name: z.string(),
  ports: z.array(z.looseObject({ containerPort: z.number() })).nullish(),
  env: z.array(named).nullish(),
  volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })).nullish(),
  lifecycle: z.looseObject({}).nullish(),
  securityContext: z.looseObject({}).nullish(),
});

/** Kubernetes takes numbers as quantities, too. */
const amounts = z.record(z.string(), z.union([z.string(), z.number()])).nullish();
const resources = z.looseObject({ requests: amounts, limits: amounts }).nullish();

/** A pod, as far as it is read here. */
const pod = z.looseObject({
  metadata: z.looseObject({ labels: texts, annotations: texts, ownerReferences: z.array(z.looseObject({})).nullish() }),
  spec: z.looseObject({
    containers: z.array(container),
    initContainers: z.array(container).nullish(),
    ephemeralContainers: z.array(container).nullish(),
    volumes: z.array(named).nullish(),
    nodeSelector: texts,
    resources,
    os: z.looseObject({ name: z.string() }).nullish(),
  }),
});

/** The part of an AdmissionReview that is read before its object. */
const review = z.looseObject({
  apiVersion: z.literal('admission.k8s.io/v1'),
  kind: z.literal('AdmissionReview'),
  request: z.looseObject({
    uid: z.string(),
    kind: z.looseObject({ kind: z.string() }),
    namespace: z.string().nullish(),
    name: z.string().nullish(),
    operation: z.string(),
    object: z.record(z.string(), z.unknown()).nullish(),
    oldObject: z.record(z.string(), z.unknown()).nullish(),
  }),
});

/** The request of an admission.k8s.io/v1 AdmissionReview; undefined: it is something else. Nothing in it is changed. */
export const readReview = (body: unknown): z.output<typeof review>['request'] | undefined =>
  review.safeParse(body).success ? (body as z.output<typeof review>).request : undefined;

/**
 * Whether an object has the shape that every API server gives its own. It is asked after a failure only: looking at each
 * pod before would cost more than its injection.
 */
export const isShaped = (kind: string, object: unknown): boolean =>
  kind === 'Pod'
    ? pod.safeParse(object).success
    : z.looseObject({ metadata: z.looseObject({ name: z.string() }) }).safeParse(object).success;

/** A sentence about the first field of a pod that is not what every API server gives it; undefined: each field is right. */
export function podProblem(object: unknown): string | undefined {
  const issue = pod.safeParse(object).error?.issues[0];
  if (issue === undefined) return undefined;
  const field = issue.path.reduce<string>(
    (at, step) => (typeof step === 'number' ? `${at}[${step}]` : `${at}.${String(step)}`),
    'pod',
  );
  return `${field} is not what Kubernetes has there (${issue.message.replace('Invalid input: ', '')})`;
}
