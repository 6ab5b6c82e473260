import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { chartFiles } from '../../../charts/helm/chart-files.ts';
import { UPGRADE_REFUSED } from '../../../mesh/installation/reshape.ts';
import { VERSION_OF_PRODUCT } from '../../../mesh/installation/version.ts';

describe("the chart's job before an upgrade", () => {
  const job = chartFiles('1.2.3')['templates/upgrade.yaml']!.replaceAll('"', '').replaceAll(/\s+/g, ' ');

  it('is tried again, but not once it has refused the values', () => {
    expect(job).to.include('backoffLimit: 3');
    expect(job).to.include('restartPolicy: Never');
    expect(job).to.match(new RegExp(`action: FailJob onExitCodes: .*values: - ${UPGRADE_REFUSED} `));
  });

  it('does not count a pod that its node has lost', () => {
    expect(job).to.match(/action: Ignore onPodConditions: - type: DisruptionTarget status: True/);
  });
});

describe('the version of the program', () => {
  it('is that of its default images, its chart, and the pages and files that name an image', () => {
    const values = chartFiles(VERSION_OF_PRODUCT)['values.yaml']!;
    for (const name of ['landbridge', 'bridge']) expect(values).to.include(`landbridge/${name}:${VERSION_OF_PRODUCT}`);
    for (const file of ['Dockerfile', 'Dockerfile.bridge', 'docs/kind.md']) {
      const named = readFileSync(file, 'utf8').matchAll(/landbridge[/](?:landbridge|bridge):([0-9][0-9a-z.-]*)/g);
      expect([...new Set([...named].map(([, version]) => version))], file).to.deep.equal([VERSION_OF_PRODUCT]);
    }
  });
});
