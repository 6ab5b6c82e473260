import { expect } from 'chai';
import fc from 'fast-check';
import { synthesize } from '../../../charts/synthesize.ts';
import { parseValues } from '../../../charts/values.ts';
import type { ValuesInput } from '../../../charts/values/schema.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { arbitraryValues } from '../../support/arbitrary/values.ts';
import { type Helm, helmWithChart } from '../../support/rigs/helm.ts';
import { kubernetesSchema } from '../../support/kube/kubernetes-schema.ts';
import { valueSets } from '../../support/value-sets.ts';
import { everything } from '../../unit/charts/objects.ts';

/** Of whoever runs the Prometheus Operator; no API server knows it by itself. */
const isForeign = ({ kind }: KubeObject): boolean => kind === 'PodMonitor';

/** What `helm template` gives, hooks included, before the documents in which the API server describes its own kinds. */
for (const version of ['1.29', '1.37']) {
  describe(`The chart before the schemas of Kubernetes ${version}`, function () {
    this.timeout(120_000);
    let problemsOf: (object: KubeObject) => string[];
    let helm: Helm;
    before(async () => {
      problemsOf = await kubernetesSchema(version);
      helm = await helmWithChart();
    });
    after(() => helm?.remove());

    const problems = (objects: KubeObject[]): string[] =>
      objects
        .filter((object) => !isForeign(object))
        .flatMap((object) => problemsOf(object).map((problem) => `${object.kind} ${object.metadata.name}${problem}`));
    const sets: [string, ValuesInput][] = [...valueSets, ['every part', everything]];

    for (const [what, values] of sets) {
      it(`is valid with ${what}`, async () => {
        const objects = (await helm.template(values, '--kube-version', version)) as KubeObject[];
        expect(objects.length).to.be.greaterThan(20);
        expect(problems(objects)).to.deep.equal([]);
      });
    }

    it('is valid with any values of the schema', () => {
      fc.assert(
        fc.property(arbitraryValues(), (input) => {
          let values;
          try {
            values = parseValues(input);
          } catch {
            return;
          }
          expect(problems(synthesize(values, { hooks: true }) as KubeObject[])).to.deep.equal([]);
        }),
        { numRuns: 60 },
      );
    });

    it('would be refused for a misspelt or missing field, a wrong type and an unknown kind', () => {
      const [operator] = (synthesize(parseValues({})) as (KubeObject & { spec: Record<string, unknown> })[]).filter(
        ({ kind }) => kind === 'Deployment',
      );
      const { template, ...spec } = operator!.spec;
      const wrong = { ...operator!, spec: { ...spec, replicas: '2', replica: 2 } };
      expect(problemsOf(wrong)).to.deep.equal([
        '.spec.template lacks',
        '.spec.replicas is no integer: "2"',
        '.spec.replica is not known',
      ]);
      void template;
      expect(problemsOf({ ...operator!, apiVersion: 'apps/v1beta1' })).to.deep.equal([
        'apps/v1beta1 Deployment is not served',
      ]);
    });
  });
}
