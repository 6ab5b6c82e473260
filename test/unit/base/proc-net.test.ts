import { expect } from 'chai';

import { callersOf, listeningOn, parseSockets } from '../../../base/proc-net.ts';

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const line = (local: string, remote: string, state: string): string =>
  `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000     0        0 1617 1 0000 100 0 0 10 0\n`;
const NOBODY = '00000000:0000';
const NOBODY6 = `${'0'.repeat(32)}:0000`;

describe('the sockets of a machine', () => {
  const sockets = parseSockets(
    HEAD +
      line('0100007F:1F90', NOBODY, '0A') +
      line('00000000:1F91', NOBODY, '0A') +
      line('0100000A:1F91', NOBODY, '0A') +
      line('0100000A:1F92', '0900000A:C350', '01') +
      line('0100007F:1F92', '0100007F:C351', '01') +
      line(`${'0'.repeat(32)}:1F93`, NOBODY6, '0A') +
      line('00000000000000000000000001000000:1F94', NOBODY6, '0A') +
      line('0000000000000000FFFF00000100007F:1F94', NOBODY6, '0A') +
      line('B80D0120000000000000000001000000:1F95', NOBODY6, '0A') +
      line('0000000000000000FFFF00000100000A:1F92', '0000000000000000FFFF00000700000A:C352', '01') +
      'a line that is cut sh',
  );

  it('are named when they listen beyond loopback, in both families and on all addresses', () => {
    expect(listeningOn(sockets, 8080)).to.deep.equal({ any: true, beyond: [] });
    expect(listeningOn(sockets, 8081)).to.deep.equal({ any: true, beyond: ['0.0.0.0:8081', '10.0.0.1:8081'] });
    expect(listeningOn(sockets, 8083)).to.deep.equal({ any: true, beyond: ['[::]:8083'] });
    expect(listeningOn(sockets, 8084)).to.deep.equal({ any: true, beyond: [] });
    expect(listeningOn(sockets, 8085)).to.deep.equal({ any: true, beyond: ['[2001:db8::1]:8085'] });
    expect(listeningOn(sockets, 9)).to.deep.equal({ any: false, beyond: [] });
  });

  it('tell who is connected, without the machine itself', () => {
    expect(callersOf(sockets, 8082, new Set(['10.0.0.1']))).to.deep.equal(['10.0.0.7', '10.0.0.9']);
    expect(callersOf(sockets, 8082, new Set(['10.0.0.9']))).to.deep.equal(['10.0.0.7']);
  });
});
