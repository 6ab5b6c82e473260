import { once } from 'node:events';
import { connect } from 'node:net';
import { expect } from 'chai';
import { tryUpstream } from '../../../agent/reach/try-upstream.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type Member, type TrafficRig, startTrafficRig } from '../../support/rigs/traffic-rig.ts';

/** Clients on a machine that do not speak HTTP/1.1 to an upstream, and the sentence of `landbridge vm test` about them. */
describe('a client of HTTP/1.0', function () {
  this.timeout(60_000);
  let rig: TrafficRig;
  let caller: Member;
  let web = 0;
  let other = 0;

  const sendTo = async (port: number, text: string): Promise<string> => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.write(text);
    let got = '';
    socket.on('data', (part: Buffer) => (got += part.toString()));
    await once(socket, 'close');
    return got.split('\r\n')[0] ?? '';
  };
  const tried = (service: string, localPort: number) => tryUpstream(caller.adminSocket, { service, localPort });

  before(async () => {
    rig = await startTrafficRig();
    [web = 0, other = 0] = await freePorts(2);
    const upstreams = [
      { service: 'web', localPort: web },
      { service: 'web-2', localPort: other },
    ];
    for (const { service } of upstreams) {
      await rig.declare(service, { protocol: 'http', access: [{ from: 'caller' }] });
      await rig.member(service, 'pod');
    }
    await rig.declare('caller', { upstreams });
    caller = await rig.member('caller', 'vm', upstreams);
    for (const { service, localPort } of upstreams)
      await eventually(`${service} answers`, 20_000, async () => (await tried(service, localPort)).ok);
  });
  after(() => rig?.stop());

  it('is answered with 426, and the test of the upstream counts it and says what to do', async () => {
    expect((await tried('web', web)).output).to.match(/^GET [/] answered 200 in [0-9]+ ms$/);
    expect(await sendTo(web, 'GET / HTTP/1.0\r\n\r\n')).to.equal('HTTP/1.1 426 Upgrade Required');
    expect(await sendTo(web, 'GET / HTTP/1.0\r\nHost: web\r\n\r\n')).to.equal('HTTP/1.1 426 Upgrade Required');
    const { ok, output } = await tried('web', web);
    expect(ok).to.equal(true);
    expect(output).to.match(/answered 200 in [0-9]+ ms; since its Envoy began, 2 connection[(]s[)] to this port spoke/);
    expect(output).to.include('HTTP/1.0, which is answered with 426');
    expect(output).to.include('proxy_http_version 1.1');
  });

  it('is not counted for an upstream whose name begins alike', async () => {
    expect((await tried('web-2', other)).output).to.match(/^GET [/] answered 200 in [0-9]+ ms$/);
  });

  it('is counted with clients that speak no HTTP', async () => {
    await sendTo(other, '\u0016\u0003\u0001\u0000 no HTTP at all\r\n\r\n');
    expect((await tried('web-2', other)).output).to.include('1 connection(s)');
  });
});
