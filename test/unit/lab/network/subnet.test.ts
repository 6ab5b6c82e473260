import { expect } from 'chai';
import { collisions, defaultSubnet, parseSubnet } from '../../../../lab/network/subnet.ts';

describe('the lab network', () => {
  it('is a /24, and says how to write one', () => {
    expect(parseSubnet(defaultSubnet)).to.deep.equal({ prefix: '10.89.0' });
    for (const wrong of ['10.89.0.0', '10.89.0.0/16', '10.89.0.5/24', '10.300.0.0/24', 'fd00::/64'])
      expect(() => parseSubnet(wrong), wrong).to.throw('give a /24 as 10.89.0.0/24');
  });

  it('collides with a route to part of it, to all of it, and to more than it', () => {
    for (const dst of ['10.89.0.7', '10.89.0.128/25', '10.89.0.0/24', '10.0.0.0/8', '0.0.0.0/1'])
      expect(collisions('10.89.0.0/24', [{ dst, dev: 'tun0' }]), dst).to.have.length(1);
  });

  it('does not collide with its neighbours, the default route, or what the lab itself routes', () => {
    const routes = [
      { dst: 'default', dev: 'eth0' },
      { dst: '10.88.0.0/16', dev: 'cni0' },
      { dst: '10.89.1.0/24', dev: 'eth1' },
      { dst: '192.168.1.0/24', dev: 'eth0' },
      { dst: '10.89.0.0/24', dev: 'lb-host' },
      { dst: '2001:db8::/32', dev: 'eth0' },
    ];
    expect(collisions('10.89.0.0/24', routes)).to.deep.equal([]);
  });
});
