import { expect } from 'chai';
import { readEnvironment } from '../../../operator/environment.ts';

const least = {
  LANDBRIDGE_CONSUL_HTTP: 'consul.example:8501',
  LANDBRIDGE_CONSUL_GRPC: 'consul.example:8503',
  LANDBRIDGE_SIDECAR_IMAGE: 'envoy',
  POD_NAME: 'operator-0',
  POD_NAMESPACE: 'landbridge',
};

describe("the operator's environment", () => {
  it('takes the address of Consul by name, by IPv4 and by IPv6', () => {
    const of = (text: string) => readEnvironment({ ...least, LANDBRIDGE_CONSUL_GRPC: text }).LANDBRIDGE_CONSUL_GRPC;
    expect(of('consul.example:8503')).to.deep.equal({ host: 'consul.example', port: 8503 });
    expect(of('[2001:db8::5]:8503')).to.deep.equal({ host: '2001:db8::5', port: 8503 });
    expect(() => of('2001:db8::5:8503')).to.throw('LANDBRIDGE_CONSUL_GRPC: want host:port, or [IPv6 address]:port');
  });

  it('takes one Consul server or several, each an address of its own', () => {
    expect(readEnvironment(least).LANDBRIDGE_CONSUL_HTTP).to.deep.equal(['consul.example:8501']);
    const two = { ...least, LANDBRIDGE_CONSUL_HTTP: 'consul-1.example:8501,[2001:db8::1]:8501' };
    expect(readEnvironment(two).LANDBRIDGE_CONSUL_HTTP).to.deep.equal(['consul-1.example:8501', '[2001:db8::1]:8501']);
  });

  it('names every variable that is wrong', () => {
    expect(() => readEnvironment({ ...least, LANDBRIDGE_CONSUL_HTTP: 'consul.example', POD_NAME: undefined })).to.throw(
      /LANDBRIDGE_CONSUL_HTTP: want a list of host:port; POD_NAME: /,
    );
  });
});
