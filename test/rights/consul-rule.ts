import type { Consul } from '../../clients/consul/consul.ts';
import type { Policy } from '../../operator/bootstrap/policies.ts';

/** A policy of which one rule is a step weaker. */
export interface Weaker {
  /** `node_prefix "vm.": policy read instead of write`. */
  what: string;
  rules: string;
}

const STEP_DOWN: Record<string, string> = { write: 'read', read: 'deny' };

/** Every rule of a policy, one at a time, a step weaker: `read` for `write`, `deny` for `read`. */
export function weakerPolicies({ rules }: Policy): Weaker[] {
  const grants = [...rules.matchAll(/(\w+)(\s*=\s*)"(write|read)"/g)];
  if (grants.length !== [...rules.matchAll(/= *"(?!deny)/g)].length)
    throw new Error(`not every rule was read: ${rules}`);
  return grants.map(({ index, 0: whole, 1: key = '', 2: between = '', 3: level = '' }) => {
    const block = /(\w+(?: "[^"]*")?) \{[^}]*$/.exec(rules.slice(0, index))?.[1];
    const weaker = STEP_DOWN[level]!;
    return {
      what: `${block === undefined ? '' : `${block}: `}${key} ${weaker} instead of ${level}`,
      rules: `${rules.slice(0, index)}${key}${between}"${weaker}"${rules.slice(index + whole.length)}`,
    };
  });
}

/** Runs `work` while Consul holds the weaker policy under the name of the other. */
export async function withWeaker<T>(
  admin: Consul,
  policy: Policy,
  { rules }: Weaker,
  work: () => Promise<T>,
): Promise<T> {
  await admin.acl.upsertPolicy({ ...policy, rules });
  try {
    return await work();
  } finally {
    await admin.acl.upsertPolicy(policy);
  }
}
