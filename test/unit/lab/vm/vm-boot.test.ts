import { expect } from 'chai';

import { nspawnArguments } from '../../../../lab/vm/boot.ts';
import { ownFiles } from '../../../../lab/vm/disk.ts';
import { enter } from '../../../../lab/vm/exec.ts';
import { until } from '../../../../lab/vm/until.ts';

const spec = {
  name: 'vm1',
  address: '10.89.0.101',
  network: { bridge: 'lb-br0', netns: undefined, gateway: '10.89.0.1', prefixLength: 24 },
  parts: { root: '/cache/root', node: '/cache/node', envoy: '/cache/envoy', bundle: '/cache/landbridge.mjs' },
};

describe('a VM', () => {
  it('boots from its own disk into its own network, and sees Node and Envoy read-only', () => {
    expect(nspawnArguments(spec)).to.include.members([
      '--boot',
      '--directory=/var/lib/landbridge-lab/vm/vm1/root',
      '--network-namespace-path=/run/netns/lb-vm1',
      '--bind-ro=/cache/node:/usr/local/bin/node',
      '--bind-ro=/cache/envoy:/usr/local/bin/envoy',
    ]);
  });

  it('has a name, an address and a machine id that no other has, and the same ones at each start', () => {
    const one = ownFiles('vm1', '10.89.0.101');
    const other = ownFiles('vm2', '10.89.0.102');
    expect(one['etc/machine-id']).to.match(/^[0-9a-f]{32}\n$/);
    for (const path of Object.keys(one)) expect(one[path], path).not.to.equal(other[path]);
    expect(ownFiles('vm1', '10.89.0.101')).to.deep.equal(one);
  });

  it('runs commands in all its namespaces, with nothing of the environment outside', () => {
    const [command, args] = enter(4711, ['printenv']);
    expect(command).to.equal('nsenter');
    expect(args).to.include.members(['--target=4711', '--mount', '--uts', '--ipc', '--net', '--pid']);
    expect(args.slice(args.indexOf('--') + 1, args.indexOf('--') + 3)).to.deep.equal(['env', '-i']);
    expect(args.at(-1)).to.equal('printenv');
  });
});

describe('until', () => {
  it('gives the first answer', async () => {
    let asked = 0;
    expect(await until('an answer', 5000, async () => (++asked === 3 ? 'yes' : undefined))).to.equal('yes');
  });

  it('names what it waited for when the deadline is over', async () => {
    const failure = await until('the moon', 30, async () => undefined).catch((error: Error) => error.message);
    expect(failure).to.equal('the moon: not within 0.03 s');
  });

  it('passes on what the question throws', async () => {
    const failure = await until('an answer', 5000, () => Promise.reject(new Error('gone'))).catch(
      (error: Error) => error.message,
    );
    expect(failure).to.equal('gone');
  });
});
