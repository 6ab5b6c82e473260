import { Refusal } from '../refusal.ts';

/** For requests that are done only when Consul has taken them. The write itself is tried again without being asked. */
export function refuseUnwritten(problems: string[]): void {
  if (problems.length === 0) return;
  throw new Refusal('consulUnavailable', `Consul has not taken it yet (${problems.join('; ')}): ask again`);
}
