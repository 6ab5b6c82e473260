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
