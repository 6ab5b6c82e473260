import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { synthesize } from '../../../charts/synthesize.ts';
import { parseValues } from '../../../charts/values.ts';
import {
  bridgePolicy,
  dnsPolicy,
  edgePolicy,
  operatorPolicy,
  serverPolicy,
} from '../../../operator/bootstrap/policies.ts';
import { weakerPolicies } from '../../rights/consul-rule.ts';
import { describeRight, rightsOf } from '../../support/right.ts';
import { type Manifest, everything, ofKind } from './objects.ts';

const page = readFileSync(new URL('../../../docs/rights.md', import.meta.url), 'utf8');
const rows = [...page.matchAll(/^\| ([a-z-]+) \| (.+?) \| .{3,} \|$/gm)]
  .filter(([, who]) => who !== 'who')
  .map(([, who, right]) => `${who}: ${right}`);

describe('docs/rights.md', () => {
  const objects = synthesize(parseValues(everything), { hooks: true }) as Manifest[];

  it('has every right of every component in Kubernetes once, and no other', () => {
    const holders = ofKind(objects, 'Role', 'ClusterRole').map(({ metadata }) =>
      metadata.name.replace(/^landbridge-|-workloads$/g, ''),
    );
    const wanted = [...new Set(holders)].flatMap((who) =>
      [...new Set(rightsOf(objects, who).map(describeRight))].map((right) => `${who}: ${right}`),
    );
    expect(rows.filter((row) => !row.includes('`'))).to.have.members(wanted);
  });

  it('has every rule of every policy in Consul once, and no other', () => {
    const wanted = [operatorPolicy('CLUSTER'), bridgePolicy, edgePolicy, serverPolicy, dnsPolicy].flatMap((policy) =>
      weakerPolicies(policy).map(
        ({ what }) => `${policy.name.replace('landbridge-', '')}: \`${what.replace(/ \w+ instead of \w+$/, '')}\``,
      ),
    );
    expect(rows.filter((row) => row.includes('`'))).to.have.members(wanted);
  });
});
