import { expect } from 'chai';
import fc from 'fast-check';
import { synthesize } from '../../../charts/synthesize.ts';
import { parseValues } from '../../../charts/values.ts';
import type { ValuesInput } from '../../../charts/values/schema.ts';
import { arbitraryValues } from '../../support/arbitrary/values.ts';
import { type Helm, helmWithChart } from '../../support/rigs/helm.ts';
import { valueSets } from '../../support/value-sets.ts';
import { type Manifest } from '../../unit/charts/objects.ts';

const byName = (objects: object[]): Record<string, object> =>
  Object.fromEntries((objects as Manifest[]).map((object) => [`${object.kind} ${object.metadata.name}`, object]));
const plain = (objects: object[]): object[] => JSON.parse(JSON.stringify(objects)) as object[];

describe('helm template', function () {
  this.timeout(300_000);
  let helm: Helm;
  before(async () => void (helm = await helmWithChart()));
  after(() => helm?.remove());

  const expectSame = async (values: ValuesInput, ...args: string[]): Promise<void> => {
    const release = { service: 'Helm' as const, ...(args[1] === undefined ? {} : { namespace: args[1] }) };
    const wanted = plain(synthesize(parseValues(values), { release, hooks: true }));
    const got = byName(await helm.template(values, ...args));
    expect(Object.keys(got)).to.have.members(Object.keys(byName(wanted)));
    for (const [name, object] of Object.entries(byName(wanted))) expect(got[name], name).to.deep.equal(object);
  };

  for (const [what, values] of valueSets) {
    it(`gives what cdk8s gives: ${what}`, () => expectSame(values));
  }

  it('leaves the namespace to Helm where the release lies in it', () => expectSame({}, '--namespace', 'landbridge'));

  it('gives what cdk8s gives, or refuses what parseValues refuses, for any values of the schema', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryValues(), async (values) => {
        let refused: string | undefined;
        try {
          parseValues(values);
        } catch (error) {
          refused = (error as Error).message;
        }
        if (refused === undefined) return expectSame(values as ValuesInput);
        const said = await helm.template(values).then(
          () => 'nothing',
          (error: Error) => error.message,
        );
        for (const line of refused.split('\n').slice(1)) expect(said).to.include(line);
      }),
      { numRuns: 60 },
    );
  });

  for (const [what, values, says] of [
    ['an unknown key', { brige: {} }, /additional properties 'brige' not allowed/],
    ['an unknown key further down', { bridge: { adverise: [] } }, /additional properties 'adverise' not allowed/],
    ['a default taken away', { cluster: null }, /missing property 'cluster'/],
    ['a bad name', { cluster: 'Prod' }, /at '\/cluster': 'Prod' does not match pattern/],
    ['a bridge without addresses', { bridge: { enabled: true } }, /bridge\.advertise: is empty/],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const error = await helm.template(values).catch((failed: unknown) => failed);
      expect((error as Error).message).to.match(says);
      expect(() => parseValues(values)).to.throw();
    });
  }

  it('passes helm lint, strictly', async () => {
    expect(await helm.run('lint', '--strict', helm.directory)).to.include('0 chart(s) failed');
  });
});
