import type { Status } from '../../../clients/kube/errors.ts';

/** A refusal of the fake API server, as the `Status` of its answer. */
export class Failure extends Error {
  readonly status: Status & { code: number; reason: string };

  constructor(code: number, reason: string, message: string, details?: Status['details']) {
    super(message);
    this.status = { code, reason, message, details };
  }
}

export const notFound = (plural: string, name: string) => new Failure(404, 'NotFound', `${plural} "${name}" not found`);
export const conflict = (plural: string, name: string, why: string) =>
  new Failure(409, 'Conflict', `Operation cannot be fulfilled on ${plural} "${name}": ${why}`);
export const expired = (message: string) => new Failure(410, 'Expired', message);
export const badRequest = (message: string) => new Failure(400, 'BadRequest', message);
