import { expect } from 'chai';
import { upstreamVariables } from '../../../../mesh/service/upstream-variables.ts';
import { aMeshService } from '../../../support/builders.ts';

const variables = (upstreams: { service: string; localPort: number; env?: string }[], protocols = {}) => {
  const { spec } = aMeshService('web', { protocol: 'tcp', upstreams });
  const known: Record<string, string> = protocols;
  return upstreamVariables(spec, (service) => known[service]).map(({ name, value }) => `${name}=${value}`);
};

describe('the variables of upstreams', () => {
  it('are called after the service, and hold a URL for http and host:port for the rest', () => {
    const upstreams = ['add-svc', 'h2', 'rpc', 'db', '1st'].map((service, i) => ({ service, localPort: 9000 + i }));
    expect(variables(upstreams, { 'add-svc': 'http', h2: 'http2', rpc: 'grpc', db: 'tcp' })).to.deep.equal([
      'ADD_SVC_ADDR=http://localhost:9000',
      'H2_ADDR=http://localhost:9001',
      'RPC_ADDR=localhost:9002',
      'DB_ADDR=localhost:9003',
      '_1ST_ADDR=localhost:9004',
    ]);
  });

  it('are what the MeshService calls them, or none', () => {
    const upstreams = [
      { service: 'db', localPort: 1, env: 'DATABASE' },
      { service: 'quiet', localPort: 2, env: '' },
    ];
    expect(variables(upstreams)).to.deep.equal(['DATABASE=localhost:1']);
  });

  it('never have one name twice: the names of the user go first', () => {
    const upstreams = [
      { service: 'db', localPort: 1 },
      { service: 'other', localPort: 2, env: 'DB_ADDR' },
    ];
    expect(variables(upstreams)).to.deep.equal(['DB_ADDR=localhost:2']);
  });
});
