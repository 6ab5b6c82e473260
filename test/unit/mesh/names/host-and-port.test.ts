import { expect } from 'chai';
import { hostAndPort, ipAddress } from '../../../../mesh/names/host-and-port.ts';

describe('host and port', () => {
  const good: [string, string, number][] = [
    ['consul.example:8503', 'consul.example', 8503],
    ['10.0.0.1:1', '10.0.0.1', 1],
    ['[2001:db8::5]:8503', '2001:db8::5', 8503],
    ['[::ffff:10.0.0.1]:65535', '::ffff:10.0.0.1', 65535],
  ];
  for (const [text, host, port] of good) {
    it(`are read from ${text}`, () => expect(hostAndPort(text)).to.deep.equal({ host, port }));
  }
  for (const text of [
    'consul.example',
    '2001:db8::5:8503',
    '[2001:db8::5]',
    'a b:1',
    ':1',
    'a:0',
    'a:65536',
    '[x]:1',
    '[]:1',
    '[:::]:1',
    '[1]:1',
    '[10.0.0.1]:1',
    '[fe80::1%eth0]:1',
    '[fe80::1%25eth0]:1',
    'fe80%1:1',
  ]) {
    it(`are not in ${text}`, () => expect(hostAndPort(text)).to.equal(undefined));
  }
});

describe('an IP address', () => {
  const good: [string, string][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8::5', '2001:db8::5'],
    ['[2001:db8::5]', '2001:db8::5'],
    ['2001:DB8:0:0:0:0:0:5', '2001:db8::5'],
    ['::1', '::1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::FFFF:0a00:0001', '10.0.0.1'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
  ];
  for (const [text, address] of good) {
    it(`is ${address} for ${text}`, () => expect(ipAddress(text)).to.equal(address));
  }
  for (const text of [
    '',
    '1',
    '10.0.0',
    '10.0.0.256',
    '0x7f.1',
    'fe80::1%eth0',
    '[fe80::1%25eth0]',
    ':::',
    '1::2::3',
    'vm1',
    '[10.0.0.1]',
  ])
    it(`is not in "${text}"`, () => expect(ipAddress(text)).to.equal(undefined));
});
