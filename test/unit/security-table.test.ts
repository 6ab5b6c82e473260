import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';

/** For each row of docs/security.md's table of threats: the files that try what it says one cannot. */
const TRIED: [row: string, files: string[]][] = [
  ["an app's container in the mesh", ['test/e2e/secure.test.ts']],
  ["a sidecar's token", ['test/integration/security-holders.test.ts', 'test/integration/operator-foreign.test.ts']],
  ['read rights on Secrets of a mesh namespace', ['test/integration/security-holders.test.ts']],
  // Nothing is said to be out of reach.
  ['read rights on Secrets of `landbridge`', []],
  ["the operator's pod", ['test/integration/security-holders.test.ts', 'test/rights/kubernetes.test.ts']],
  ["the bridge's pod", ['test/integration/security-holders.test.ts', 'test/rights/consul.test.ts']],
  [
    "an admin's certificate of the bridge",
    ['test/contract/bridge-requests.test.ts', 'test/unit/operator/bootstrap/material.test.ts'],
  ],
  ["the terminating gateway's pod", ['test/integration/security-holders.test.ts', 'test/integration/gateway.test.ts']],
  ['an invite that was seen', ['test/contract/bridge-joins.ts']],
  ["the agent's user on a machine", ['test/contract/root-on-a-machine.test.ts']],
  // Owed: on the lab, with two users of a machine.
  ['any local process of a machine', []],
  ['any local user of a machine, while the agent is away', []],
  ['a network way to the bridge, no certificate', ['test/contract/bridge-safety.test.ts']],
  ['a machine (root on it)', ['test/contract/bridge-hosts.ts', 'test/contract/bridge-safety.test.ts']],
  ["a way to the edge's port", ['test/integration/path-attacks.test.ts', 'test/integration/edge.test.ts']],
  ['the network between parts', ['test/e2e/secure.test.ts']],
  [
    'rights to make MeshServices in a namespace',
    ['names', 'traffic', 'edge'].map((subject) => `test/integration/tenant-attacks-${subject}.test.ts`),
  ],
  ['rights to make pods in a namespace with MeshServices', ['test/integration/tenant-attacks-traffic.test.ts']],
];

describe('the table of threats in docs/security.md', () => {
  it('has a test for each row, or says here that it has none', () => {
    const [, table = ''] = readFileSync('docs/security.md', 'utf8').split('## Threats');
    const rows = table.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| who has'));
    for (const row of rows)
      expect(
        TRIED.filter(([name]) => row.startsWith(`| ${name}`)),
        row,
      ).to.have.length.above(0);
    for (const [name, files] of TRIED) {
      expect(
        rows.filter((row) => row.startsWith(`| ${name}`)),
        name,
      ).to.have.length.above(0);
      for (const file of files) expect(existsSync(file), file).to.equal(true);
    }
  });
});
