import { expect } from 'chai';

import { vmCgroups } from '../../../../lab/vm/cgroup.ts';

const version1 = `tmpfs /sys/fs/cgroup tmpfs rw,relatime,mode=755 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/cpuset cgroup rw,relatime,cpuset 0 0
cgroup /sys/fs/cgroup/systemd cgroup rw,relatime,name=systemd 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0
cgroup /var/lib/other/sys/fs/cgroup/cpu cgroup rw 0 0
/dev/vda / ext4 rw,relatime 0 0
`;

describe('the cgroups of a VM', () => {
  it('are one in every hierarchy of cgroup version 1, and only on the host itself', () => {
    expect(vmCgroups('vm2', version1).map(({ path }) => path)).to.deep.equal([
      '/sys/fs/cgroup/cpu,cpuacct/landbridge-lab/vms/vm2',
      '/sys/fs/cgroup/cpuset/landbridge-lab/vms/vm2',
      '/sys/fs/cgroup/systemd/landbridge-lab/vms/vm2',
      '/sys/fs/cgroup/unified/landbridge-lab/vms/vm2',
    ]);
  });

  it('get cpus and memory nodes in a version 1 cpuset hierarchy, and nowhere else', () => {
    const told = vmCgroups('vm2', version1).filter(({ cpuset }) => cpuset);
    expect(told.map(({ path }) => path)).to.deep.equal(['/sys/fs/cgroup/cpuset/landbridge-lab/vms/vm2']);
  });

  it('are a single one on a host with cgroup version 2', () => {
    const mounts = 'cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime,nsdelegate 0 0\n';
    expect(vmCgroups('vm1', mounts)).to.deep.equal([{ path: '/sys/fs/cgroup/landbridge-lab/vms/vm1', cpuset: false }]);
  });
});
