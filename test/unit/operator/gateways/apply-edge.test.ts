import { expect } from 'chai';
import type { Change, Outcome } from '../../../../mesh/catalog/plan.ts';
import { applyEdge, edgeFailure, refusedRoute } from '../../../../operator/gateways/apply-edge.ts';

const set = (Kind: string, Name: string): Change =>
  ({ op: 'set-config', entry: { Kind, Name, Meta: {} }, modifyIndex: 0 }) as unknown as Change;
const drop = (kind: string, name: string): Change =>
  ({ op: 'delete-config', kind, name, modifyIndex: 1 }) as unknown as Change;

/** Like Consul.apply: a refused change puts back all that came with it. */
function consulRefusing(name: string) {
  const written: string[] = [];
  return {
    written,
    async apply(changes: Change[]): Promise<Outcome[]> {
      const named = changes.map((change) =>
        change.op === 'set-config' ? change.entry.Name : (change as { name: string }).name,
      );
      if (!named.includes(name)) written.push(...named);
      return changes.map((change) =>
        named.includes(name) ? { change, ok: false, error: 'must be a valid DNS hostname' } : { change, ok: true },
      );
    },
  };
}

describe('the changes of the edge gateway', () => {
  it('are written though Consul refuses a route between them, and the refused one is named', async () => {
    const consul = consulRefusing('bad');
    const changes = [
      set('http-route', 'a'),
      set('http-route', 'bad'),
      set('http-route', 'z'),
      drop('http-route', 'old'),
    ];
    const outcomes = await applyEdge(consul, changes);
    expect(consul.written).to.have.members(['a', 'z', 'old']);
    expect(outcomes).to.have.length(4);
    expect(outcomes.map(refusedRoute).filter(Boolean)).to.deep.equal(['bad']);
    expect(edgeFailure(outcomes)).to.equal(undefined);
  });

  it('fail as a whole where the gateway itself is refused', async () => {
    const outcomes = await applyEdge(consulRefusing('landbridge-edge'), [set('api-gateway', 'landbridge-edge')]);
    expect(edgeFailure(outcomes)).to.include('must be a valid DNS hostname');
  });
});
