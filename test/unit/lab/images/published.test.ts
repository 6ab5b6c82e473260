import { expect } from 'chai';
import type { Engine } from '../../../../lab/engine/engine.ts';
import { publishedNames, pullPublished } from '../../../../lab/images/published.ts';
import { neededParts } from '../../../../lab/prepare.ts';
import { partWith } from '../../../../lab/parts/table.ts';
import { silent } from '../../../../lab/progress/progress.ts';

describe('the images that projects publish', () => {
  it('are of the versions that the lab builds elsewhere', () => {
    const { node, envoy, consul } = publishedNames('');
    expect(envoy).to.equal(`envoyproxy/envoy:v${partWith('envoy').part.version}`);
    expect(consul).to.equal(`hashicorp/consul:${partWith('consul').part.version}`);
    const minor = partWith('kubernetes').part.version.split('.').slice(0, 2).join('.');
    expect(node).to.match(new RegExp(`^kindest/node:v${minor}\\.\\d+@sha256:[0-9a-f]{64}$`));
  });

  it('come from a registry that is named, without the digest of Docker Hub', () => {
    expect(publishedNames('127.0.0.1:5000/')).to.deep.equal({
      node: '127.0.0.1:5000/kindest/node:v1.34.0',
      envoy: '127.0.0.1:5000/envoyproxy/envoy:v1.40.0',
      consul: '127.0.0.1:5000/hashicorp/consul:1.22.6',
    });
  });

  it('leave nothing to compile but kind itself', () => {
    const compiled = (published: boolean) =>
      neededParts(published).filter((name) => partWith(name).part.source.from === 'go');
    expect(compiled(true)).to.deep.equal(['kind']);
    expect(compiled(false)).to.include.members(['consul', 'kubelet', 'kube-apiserver']);
  });

  it('are not asked for by the private engine, which has no network', async () => {
    const engine: Engine = {
      kind: 'private',
      env: {},
      netns: undefined,
      docker: () => Promise.reject(new Error('it was asked')),
      run: () => Promise.reject(new Error('it was asked')),
    };
    expect(await pullPublished(engine, silent)).to.equal(undefined);
  });
});
