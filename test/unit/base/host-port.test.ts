import { expect } from 'chai';
import { hostPort, urlHost } from '../../../base/host-port.ts';

describe('hostPort', () => {
  it('puts an IPv6 address, and nothing else, in brackets', () => {
    expect(hostPort('10.0.0.1', 80)).to.equal('10.0.0.1:80');
    expect(hostPort('consul.example', 8502)).to.equal('consul.example:8502');
    expect(hostPort('fd00::1', 443)).to.equal('[fd00::1]:443');
    expect(urlHost('::1')).to.equal('[::1]');
  });
});
