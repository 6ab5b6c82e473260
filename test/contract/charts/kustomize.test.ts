import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { dump, loadAll } from 'js-yaml';
import { synthesize, toYaml } from '../../../charts/synthesize.ts';
import { parseValues } from '../../../charts/values.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { ensurePart } from '../../../lab/parts/ensure-part.ts';
import { silent } from '../../../lab/progress/progress.ts';

describe('What `landbridge manifests` prints', () => {
  let folder = '';
  before(async () => (folder = await mkdtemp(join(tmpdir(), 'landbridge-kustomize-'))));
  after(() => rm(folder, { recursive: true, force: true }));

  const identity = ({ kind, metadata: { namespace = '', name } }: KubeObject): string => `${kind} ${namespace}/${name}`;

  it('has no object twice, and is a base that the real kustomize takes, patches and gives back whole', async () => {
    const text = toYaml(
      synthesize(
        parseValues({
          bridge: { enabled: true, advertise: ['192.0.2.1:30443'] },
          consul: { advertise: ['192.0.2.1:30503'] },
        }),
      ),
    );
    const printed = (loadAll(text) as KubeObject[]).map(identity);
    expect(new Set(printed).size).to.equal(printed.length);
    await writeFile(join(folder, 'landbridge.yaml'), text);
    const replicas = [{ name: 'landbridge-operator', count: 3 }];
    await writeFile(join(folder, 'kustomization.yaml'), dump({ resources: ['landbridge.yaml'], replicas }));
    const kubectl = await ensurePart('kubectl', silent);
    const { stdout } = await promisify(execFile)(kubectl, ['kustomize', folder], { maxBuffer: 64 * 1024 * 1024 });
    const built = loadAll(stdout) as (KubeObject & { spec?: { replicas?: number } })[];
    expect(built.map(identity)).to.have.members(printed);
    const operator = built.find((object) => identity(object) === 'Deployment landbridge/landbridge-operator');
    expect(operator?.spec?.replicas).to.equal(3);
  });
});
