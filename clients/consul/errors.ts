/**
 * An error of Consul. `kind` tells the caller what to do next: `fix` needs a person or another request,
 * `wait` needs another change first, `retry` is right after a pause. No message ever holds a token or a JWT.
 */
export type ErrorKind = 'fix' | 'wait' | 'retry';

/** No server answered, or the servers have no leader. Nothing is known to have been written. */
export class ConsulUnavailable extends Error {
  override readonly name = 'ConsulUnavailable';
  readonly kind = 'retry' satisfies ErrorKind;
}

/** The token may not do this, is unknown, or has expired. */
export class ConsulDenied extends Error {
  override readonly name = 'ConsulDenied';
  readonly kind = 'fix' satisfies ErrorKind;
  /** The ACL permission Consul named, for example `service:write on "add-svc"`; undefined when it named none. */
  readonly permission: string | undefined;

  constructor(message: string, permission?: string) {
    super(message);
    this.permission = permission;
  }
}

/** Consul understood and said no; the message is its own sentence. */
export class ConsulRefused extends Error {
  override readonly name = 'ConsulRefused';
  readonly kind = 'fix' satisfies ErrorKind;
  /** HTTP status code. */
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}
