import { expect } from 'chai';
import { hostAndPort } from '../../../../mesh/names/host-and-port.ts';

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
  ]) {
    it(`are not in ${text}`, () => expect(hostAndPort(text)).to.equal(undefined));
  }
});
