import { expect } from 'chai';

import { complaintIn } from '../../../../agent/envoy/status.ts';

describe('the complaint in a line of an Envoy', () => {
  it('does not change from second to second while Consul stays away', () => {
    const line = (seconds: number): string =>
      `[2026-11-30 20:42:16.220][14035][warning][config] [./source/grpc_stream.h:227] DeltaAggregatedResources gRPC config stream to consul closed since ${seconds}s ago: 14, connection timeout`;
    expect(complaintIn(line(2))).to.equal(
      'DeltaAggregatedResources gRPC config stream to consul closed: 14, connection timeout',
    );
    expect(complaintIn(line(27))).to.equal(complaintIn(line(2)));
  });

  it('is undefined in a line that complains of nothing', () => {
    expect(complaintIn('[2026-11-30 20:42:16.220][1][info][main] [x.cc:1] all is well')).to.equal(undefined);
  });
});
