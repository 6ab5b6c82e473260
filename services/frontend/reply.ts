/** An answer before it is written. */
export interface Reply {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export function errorReply(status: number, error: string, more: Record<string, unknown> = {}): Reply {
  return { status, body: { error, ...more } };
}

/** One hop of the chain did not hold: 504 when it was too slow, 502 otherwise. */
export function hopReply(service: string, cause: string, timedOut: boolean): Reply {
  return errorReply(timedOut ? 504 : 502, `${service} could not be reached`, { hop: `frontend -> ${service}`, cause });
}
