import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';

/** A test on the lab: its file, and the beginning of its title. */
const lab = (subject: string, title: string): string => `test/e2e/security-${subject}.test.ts#${title}`;

/** For each row of docs/security.md's table of threats: the files that try what it says one cannot. The first tries it on the lab. */
const TRIED: [row: string, files: string[]][] = [
  ["an app's container in the mesh", [lab('holders', "an app's container finds no token"), 'test/e2e/secure.test.ts']],
  [
    "a sidecar's token",
    [
      lab('holders', "a sidecar's token acts as no other service"),
      'test/integration/attacks/security-holders.test.ts',
      'test/integration/operator/operator-foreign.test.ts',
    ],
  ],
  [
    'read rights on Secrets of a mesh namespace',
    [
      lab('holders', 'the Secrets of a mesh namespace reaches no Secret'),
      'test/integration/attacks/security-holders.test.ts',
    ],
  ],
  // Nothing is said to be out of reach.
  ['read rights on Secrets of `landbridge`', []],
  [
    "the operator's pod",
    [
      lab('holders', "the operator's pod lists no Secrets"),
      'test/integration/attacks/security-holders.test.ts',
      'test/rights/kubernetes.test.ts',
    ],
  ],
  [
    "the bridge's pod",
    [
      lab('holders', "the bridge's pod writes no intention"),
      'test/integration/attacks/security-holders.test.ts',
      'test/rights/consul.test.ts',
    ],
  ],
  [
    "an admin's certificate of the bridge",
    [
      lab('holders', "an admin's certificate of the bridge says nothing after"),
      'test/contract/bridge/bridge-requests.test.ts',
      'test/unit/operator/bootstrap/material.test.ts',
    ],
  ],
  [
    "the terminating gateway's pod",
    [
      lab('holders', "the terminating gateway's pod acts as no service"),
      'test/integration/attacks/security-holders.test.ts',
      'test/integration/gateways/gateway.test.ts',
    ],
  ],
  [
    'an invite that was seen',
    [lab('bridge', 'an invite that was seen joins one service once'), 'test/contract/bridge/clauses/bridge-joins.ts'],
  ],
  [
    "the agent's user on a machine (an exec check, an Envoy)",
    [
      lab('machines', "the agent's user writes no file that root runs"),
      'test/contract/agent/root-on-a-machine.test.ts',
    ],
  ],
  [
    "the agent's user on a machine, under Strict",
    [
      lab('machines', "the agent's user closes no port but those of its apps"),
      'test/integration/agent/machine-doors.test.ts',
    ],
  ],
  ['any local process of a machine', [lab('machines', 'any local user finds no key and no token')]],
  [
    'any local user of a machine, while the agent is away',
    [lab('machines', 'any local user cannot take the port of a running agent')],
  ],
  [
    'a network way to the bridge, no certificate',
    [lab('bridge', 'a stranger asks for nothing but files'), 'test/contract/bridge/bridge-safety.test.ts'],
  ],
  [
    'a machine (root on it)',
    [
      lab('bridge', 'the key of a machine acts as no other host'),
      'test/contract/bridge/clauses/bridge-hosts.ts',
      'test/contract/bridge/bridge-safety.test.ts',
    ],
  ],
  [
    "a way to the edge's port",
    [
      lab('network', "reaches by the edge's port the paths and hosts"),
      'test/integration/attacks/path-attacks.test.ts',
      'test/integration/gateways/edge.test.ts',
    ],
  ],
  ['the network between parts', [lab('network', 'reads nothing between the parts'), 'test/e2e/secure.test.ts']],
  [
    'rights to make MeshServices in a namespace',
    [
      lab('tenants', 'with rights to make MeshServices takes no name'),
      ...['names', 'traffic', 'edge'].map((of) => `test/integration/attacks/tenant-attacks-${of}.test.ts`),
    ],
  ],
  [
    'rights to make pods in a namespace with MeshServices',
    [
      lab('tenants', 'with rights to make pods cannot act as a service'),
      'test/integration/attacks/tenant-attacks-traffic.test.ts',
    ],
  ],
];

describe('the table of threats in docs/security.md', () => {
  it('has a test on the lab for each row that says that one cannot do something', () => {
    const [, table = ''] = readFileSync('docs/security.md', 'utf8').split('## Threats');
    const rows = table.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| who has'));
    for (const row of rows) {
      const tried = TRIED.filter(([name]) => row.startsWith(`| ${name}`));
      expect(tried, row).to.have.length(1);
      const cannot = row.split('|')[3]!.trim();
      if (cannot !== '') expect(tried[0]![1][0], row).to.match(/^test\/e2e\/.*#/);
    }
    for (const [name, files] of TRIED) {
      expect(
        rows.filter((row) => row.startsWith(`| ${name}`)),
        name,
      ).to.have.length.above(0);
      for (const [file = '', title = ''] of files.map((one) => one.split('#')))
        expect(existsSync(file) && readFileSync(file, 'utf8').includes(title), `${file}: ${title}`).to.equal(true);
    }
  });
});
