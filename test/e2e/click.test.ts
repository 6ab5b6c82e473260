import { expect } from 'chai';
import { compute, failureOf, post } from '../../lab/sample/chain.ts';
import { echo } from '../../lab/sample/echo.ts';
import { type RunningLab, runningLab } from '../../lab/running.ts';

describe('the click', () => {
  let lab: RunningLab;
  before(async () => (lab = await runningLab()));

  it('computes the expression through pods and VMs', async () => {
    const answer = await compute(lab.edge);
    expect(failureOf(answer, 9)).to.equal(undefined);
    expect(answer.body.calls).to.have.length(16);
    const { hops, body } = answer;
    expect(hops.map(({ service, platform }) => [service, platform])).to.deep.equal([
      ['edge', 'vm'],
      ['api-gateway', 'pod'],
      ['frontend', 'pod'],
    ]);
    expect(
      body.calls!.filter(({ service }) => service === 'add-svc').every(({ platform }) => platform === 'vm'),
    ).to.equal(true);
  });

  it('spreads the calls over every instance, pods and VMs alike', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => compute(lab.edge)));
    const served = new Set(
      answers.flatMap(({ body }) => body.calls ?? []).map(({ service, instance }) => `${service}/${instance}`),
    );
    const of = (service: string): number => [...served].filter((name) => name.startsWith(`${service}/`)).length;
    expect({ add: of('add-svc'), sub: of('sub-svc') }).to.deep.equal({ add: 2, sub: 3 });
    const platforms = new Set(
      answers
        .flatMap(({ body }) => body.calls ?? [])
        .filter(({ service }) => service === 'sub-svc')
        .map(({ platform }) => platform),
    );
    expect([...platforms].sort()).to.deep.equal(['pod', 'vm']);
  });

  it('points at the place of a bad expression', async () => {
    const { status, body } = await compute(lab.edge, '1+*2');
    expect(status).to.equal(400);
    expect(body).to.include({ position: 2 });
  });

  it('names the hop that failed when a service fails on purpose', async () => {
    const { status, body } = await post(lab.edge, '/api/v1/test/fault', {
      service: 'add-svc',
      kind: 'error',
      count: 3,
    });
    expect(status).to.equal(200);
    expect(body).to.include({ made: 3, failed: 3 });
  });

  it('carries raw TCP from a pod to a VM and from a VM to a pod, at 127.0.0.1:9191 of the caller', async () => {
    const lines: string[] = [];
    await echo(lab.cluster, lab.vm('vm1'), (line) => lines.push(line));
    expect(lines).to.have.length(2);
    expect(lines[0]).to.match(/from a pod$/);
    expect(lines[1]).to.match(/from a VM$/);
  });
});
