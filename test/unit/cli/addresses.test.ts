import { expect } from 'chai';
import { perhapsHostPort } from '../../../charts/values/fields.ts';
import { parseServer } from '../../../cli/commands/dns.ts';
import { wantedAddress } from '../../../cli/vm/wanted-instances.ts';
import { hostAndPort } from '../../../mesh/names/host-and-port.ts';

describe('--address of a machine', () => {
  const good: [string, string][] = [
    ['192.0.2.7', '192.0.2.7'],
    ['2001:DB8::7', '2001:db8::7'],
    ['[2001:db8::7]', '2001:db8::7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::1', '::1'],
  ];
  for (const [given, address] of good)
    it(`is ${address} for ${given}`, () => expect(wantedAddress(given)).to.equal(address));
  for (const given of [
    '',
    '::',
    '0.0.0.0',
    'fe80::1%eth0',
    '[fe80::1%25eth0]',
    'vm1',
    '192.0.2.7:7001',
    '[2001:db8::7]:7001',
  ])
    it(`is not "${given}"`, () => expect(() => wantedAddress(given)).to.throw('by which others reach this machine'));
});

describe('--to of landbridge dns', () => {
  const good: [string, string][] = [
    ['10.0.0.53', '10.0.0.53'],
    ['10.0.0.53:8600', '10.0.0.53:8600'],
    ['2001:db8::53', '2001:db8::53'],
    ['[2001:db8::53]', '2001:db8::53'],
    ['[2001:db8::53]:8600', '[2001:db8::53]:8600'],
  ];
  for (const [given, server] of good)
    it(`is ${server} for ${given}`, () => expect(parseServer(given)).to.equal(server));
  for (const given of [
    '',
    'dns.example',
    'dns.example:53',
    '10.0.0.53:0',
    '10.0.0.53:99999',
    '[:::]:53',
    'fe80::1%eth0',
    '[x]:53',
  ])
    it(`is not "${given}"`, () => expect(() => parseServer(given)).to.throw('give an IP address, or IP:port'));
});

describe('an address with a port in the values', () => {
  const texts = ['consul.example:8503', '10.0.0.1:1', '[2001:db8::5]:8503', '[::ffff:10.0.0.1]:65535', '[::1]:8501'];
  const others = [
    '2001:db8::5:8503',
    '[2001:db8::5]',
    '[fe80::1%eth0]:1',
    '[1]:1',
    '[10.0.0.1]:1',
    'a:0',
    'a:65536',
    'a:99999',
    ':1',
    'a',
  ];
  it('is taken where the operator takes it', () => {
    for (const text of texts) {
      expect(perhapsHostPort.safeParse(text).success, text).to.equal(true);
      expect(hostAndPort(text), text).to.be.an('object');
    }
  });
  it('is refused where the operator would refuse it at its start', () => {
    for (const text of others) {
      expect(perhapsHostPort.safeParse(text).success, text).to.equal(false);
      expect(hostAndPort(text), text).to.equal(undefined);
    }
  });
});
