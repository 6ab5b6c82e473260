import { expect } from 'chai';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { labCgroups, labInterfaces, labMounts, labNamespaces } from '../../../lab/leftovers.ts';

const mountinfo = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:26 / /run rw,nosuid shared:5 - tmpfs tmpfs rw
41 30 0:31 / /run/landbridge-lab rw - tmpfs tmpfs rw
42 41 0:32 / /run/landbridge-lab/vm\\040one/root rw - overlay overlay rw
43 30 0:33 / /run/landbridge-labours rw - tmpfs tmpfs rw
44 30 0:4 net:[4026532] /run/netns/lb-engine rw - nsfs nsfs rw
45 30 0:4 net:[4026533] /run/netns/blue rw - nsfs nsfs rw
46 22 0:35 / /home/me/.cache/landbridge/engine/overlay2 rw - ext4 /dev/vda rw
`;
const roots = ['/run/landbridge-lab', '/home/me/.cache/landbridge', '/run/netns/lb-'];

describe('the leftovers of a lab on a machine', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'landbridge-leftovers-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is mounts below its folders and its namespaces, in the order in which they can be taken away', () => {
    expect(labMounts(mountinfo, roots)).to.deep.equal([
      '/home/me/.cache/landbridge/engine/overlay2',
      '/run/netns/lb-engine',
      '/run/landbridge-lab/vm one/root',
      '/run/landbridge-lab',
    ]);
  });

  it('is interfaces with its prefix, and nobody else’s', () => {
    const links = ['lo', 'eth0', 'lb-host', 'lbx0', 'docker0', 'lb-br0'].map((ifname) => ({ ifname }));
    expect(labInterfaces(JSON.stringify(links))).to.deep.equal(['lb-host', 'lb-br0']);
    expect(labInterfaces('')).to.deep.equal([]);
  });

  it('are network namespaces with its prefix, and nothing on a machine without a folder of namespaces', () => {
    for (const name of ['lb-engine', 'blue', 'lb-vm1']) writeFileSync(join(folder, name), '');
    expect(labNamespaces(folder).sort()).to.deep.equal(['lb-engine', 'lb-vm1']);
    expect(labNamespaces(join(folder, 'none'))).to.deep.equal([]);
  });

  it('is one cgroup in each hierarchy of version 1, and one in all of version 2', () => {
    mkdirSync(join(folder, 'memory', 'landbridge-lab'), { recursive: true });
    mkdirSync(join(folder, 'cpu', 'docker'), { recursive: true });
    expect(labCgroups(folder)).to.deep.equal([join(folder, 'memory', 'landbridge-lab')]);
    mkdirSync(join(folder, 'landbridge-lab'));
    expect(labCgroups(folder)).to.include(join(folder, 'landbridge-lab'));
  });
});
