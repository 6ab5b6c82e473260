/**
 * What to do after a failure.
 *
 * | kind  | meaning                                                          | examples                       |
 * |-------|------------------------------------------------------------------|--------------------------------|
 * | fix   | the same request fails again until somebody changes something    | 400, 401, 403, 404, 422        |
 * | wait  | the server asked for time; come back after `retryAfterMs`        | 429, namespace is terminating  |
 * | retry | read afresh and try again with a back-off                        | no answer, 409, 410, 5xx       |
 */
export type KubeErrorKind = 'fix' | 'wait' | 'retry';

/** `metav1.Status`, as far as it is read. */
export interface Status {
  code?: number;
  reason?: string;
  message?: string;
  details?: { retryAfterSeconds?: number; causes?: { reason?: string; message?: string; field?: string }[] };
}

/**
 * A request that failed. `message` is one line made of the verb, the path and the server's words: never of a request
 * body, a token or a header.
 */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  /** HTTP status; 0 without an answer. */
  readonly code: number;
  /** `Status.reason` (NotFound, Conflict, AlreadyExists, Expired ...); our own are Unreachable, Timeout, BadResponse, BadRequest, NoCredentials. */
  readonly reason: string;
  readonly kind: KubeErrorKind;
  /** Set when the server said when to come back. */
  readonly retryAfterMs: number | undefined;

  constructor(failure: {
    code: number;
    reason: string;
    message: string;
    kind: KubeErrorKind;
    retryAfterMs?: number;
    cause?: unknown;
  }) {
    super(failure.message, failure.cause === undefined ? undefined : { cause: failure.cause });
    this.code = failure.code;
    this.reason = failure.reason;
    this.kind = failure.kind;
    this.retryAfterMs = failure.retryAfterMs;
  }
}

/** The error of a `Status` body, or of whatever a proxy put in its place. `request` names it, such as `GET /api/v1/pods`. */
export function errorOfStatus(request: string, code: number, status: Status, retryAfterSeconds?: number): KubeError {
  const reason = status.reason || defaultReason(code);
  const seconds = status.details?.retryAfterSeconds ?? retryAfterSeconds;
  const terminating = status.details?.causes?.some((cause) => cause.reason === 'NamespaceTerminating') ?? false;
  return new KubeError({
    code,
    reason,
    message: `${request}: ${code} ${reason}${status.message ? `: ${status.message}` : ''}`,
    kind: terminating ? 'wait' : kindOf(code),
    retryAfterMs: seconds === undefined ? undefined : seconds * 1000,
  });
}

/** No answer, or half of one: refused, reset, timed out, unreadable. */
export function errorOfTransport(
  request: string,
  reason: 'Unreachable' | 'Timeout' | 'BadResponse',
  cause: unknown,
): KubeError {
  const detail =
    cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code || cause.name : String(cause);
  return new KubeError({ code: 0, reason, message: `${request}: ${detail}`, kind: 'retry', cause });
}

/** A request this client refuses to send. */
export function errorOfUse(message: string): KubeError {
  return new KubeError({ code: 0, reason: 'BadRequest', message, kind: 'fix' });
}

export function isNotFound(error: unknown): boolean {
  return error instanceof KubeError && error.code === 404;
}

/** The object changed since it was read: read it again and decide again. */
export function isConflict(error: unknown): boolean {
  return error instanceof KubeError && error.code === 409 && error.reason === 'Conflict';
}

export function isAlreadyExists(error: unknown): boolean {
  return error instanceof KubeError && error.code === 409 && error.reason === 'AlreadyExists';
}

/** The resourceVersion or the continue token is too old to go on from: list again. */
export function isExpired(error: unknown): boolean {
  return error instanceof KubeError && error.code === 410;
}

function kindOf(code: number): KubeErrorKind {
  if (code === 429) return 'wait';
  if (code === 408 || code === 409 || code === 410 || code >= 500 || code === 0) return 'retry';
  return 'fix';
}

function defaultReason(code: number): string {
  const known: Record<number, string> = {
    400: 'BadRequest',
    401: 'Unauthorized',
    403: 'Forbidden',
    404: 'NotFound',
    409: 'Conflict',
    410: 'Expired',
    422: 'Invalid',
    429: 'TooManyRequests',
    503: 'ServiceUnavailable',
    504: 'Timeout',
  };
  return known[code] ?? (code >= 500 ? 'InternalError' : 'Unknown');
}
