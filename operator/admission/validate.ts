import { z } from 'zod';
import { type MeshService, parseMeshService } from '../../crds/mesh-service.ts';
import { hostPortProblems } from '../../mesh/traffic/host-port.ts';
import { OPERATOR_USER } from '../../mesh/installation/installation.ts';
import { olderFirst, overlapMessage } from '../../mesh/service/overlap.ts';
import { trafficProblems } from '../../mesh/traffic/problems/problems.ts';
import type { Neighbourhood, TrafficProblem } from '../../mesh/traffic/problems/problem.ts';
import type { AdmissionResponse } from './review.ts';

/** admission.k8s.io/v1 for a MeshService, the fields that are read. */
export interface ValidationRequest {
  uid: string;
  kind: { kind: string };
  namespace?: string;
  operation: string;
  /** Default: none. */
  subResource?: string;
  userInfo?: { username?: string };
  object?: object | null;
  oldObject?: object | null;
}

/**
 * Answers the admission of a MeshService from memory. A spec that Consul would refuse, or that would break traffic, is refused with the line to write instead. A missing name, or a spec that will hardly do what was meant, is a warning. The
 * reconciler runs the same function, so an object that came in while nobody answered does no harm. `podSecurity` is the
 * standard that its namespace enforces; `rivals` gives the MeshServices that select the same pods.
 */
export function validate(
  request: ValidationRequest,
  around: Neighbourhood,
  podSecurity?: string,
  rivals: (meshService: MeshService) => MeshService[] = () => [],
): AdmissionResponse {
  const { uid } = request;
  if (request.subResource === 'status') return validateStatus(request);
  const meshService = readable(request.object);
  // The API server checks the schema. An object that is being deleted passes with any spec.
  if (meshService === undefined || meshService.metadata.deletionTimestamp !== undefined) return { uid, allowed: true };
  const problems: TrafficProblem[] = [
    ...trafficProblems(meshService, around, readable(request.oldObject)),
    ...hostPortProblems(meshService, podSecurity),
    ...rivals(meshService).map((rival) => overlapProblem(meshService, rival)),
  ];
  const refused = problems.filter(({ weight }) => weight === 'refuse').map(({ message }) => message);
  const warnings = problems.filter(({ weight }) => weight !== 'refuse').map(({ message }) => message);
  if (refused.length === 0) return { uid, allowed: true, ...(warnings.length === 0 ? {} : { warnings }) };
  return { uid, allowed: false, status: { code: 422, message: refused.join('; ') } };
}

/** `status.consul.service` says who holds a name, and machines and gateways act on it. */
function validateStatus({ uid, userInfo }: ValidationRequest): AdmissionResponse {
  if (userInfo?.username === OPERATOR_USER) return { uid, allowed: true };
  const message =
    "the status of a MeshService is written by Landbridge's operator alone, since it says who holds a name: change spec, and take meshservices/status out of the role";
  return { uid, allowed: false, status: { code: 403, message } };
}

/** Running pods go on, so nothing is refused. */
const overlapProblem = (meshService: MeshService, rival: MeshService): TrafficProblem => {
  const [older, younger] = [meshService, rival].sort(olderFirst);
  return { weight: 'warn', reason: 'SelectorsOverlap', message: overlapMessage(older!, younger!) };
};

function readable(object: object | null | undefined): MeshService | undefined {
  if (object === null || object === undefined) return undefined;
  try {
    return parseMeshService(object as Parameters<typeof parseMeshService>[0]);
  } catch (error) {
    if (error instanceof z.ZodError) return undefined;
    throw error;
  }
}
