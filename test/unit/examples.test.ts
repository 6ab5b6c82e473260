import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { expect } from 'chai';
import { loadAll } from 'js-yaml';
import { repositoryRoot } from '../../lab/paths.ts';
import { SEEN, exampleFolders, manifestsOf, pageOf, scriptsOf, seenOf } from '../support/rigs/examples.ts';

const MAX_LINES = 40;
const index = readFileSync(join(repositoryRoot, 'examples/README.md'), 'utf8');

type Deployment = { kind: string; spec: { template: { spec: { containers: { args?: string[] }[] } } } };

describe('examples/README.md', () => {
  it('names each folder that is there, and no other', () => {
    const named = [...index.matchAll(/\(([\w-]+)\/README\.md\)/g)].map(([, folder]) => folder!);
    expect(named.sort()).to.deep.equal(exampleFolders);
  });
});

for (const folder of exampleFolders) {
  describe(`examples/${folder}/README.md`, () => {
    const page = pageOf(folder);

    it('has a goal, commands, a result and a way to clean up, on one screen', () => {
      expect(page.split('\n').length - 1).to.be.at.most(MAX_LINES);
      expect(page).to.match(/^# .+\n\n[A-Z`]/);
      expect(scriptsOf(folder, 'Apply')).to.have.length(1);
      expect(seenOf(folder)).to.have.length(1);
      expect(scriptsOf(folder, 'Result')).to.be.not.empty;
      expect(scriptsOf(folder, 'Clean up')).to.have.length(1);
    });

    it('shows what the suite on the lab waits for', () => {
      for (const pattern of SEEN[folder]!.shown) expect(seenOf(folder)[0]).to.match(pattern);
    });

    it('has apps that are JavaScript', () => {
      const deployments = manifestsOf(folder)
        .flatMap((path) => loadAll(readFileSync(join(repositoryRoot, path), 'utf8')) as Deployment[])
        .filter(({ kind }) => kind === 'Deployment');
      for (const { spec } of deployments)
        for (const { args = [] } of spec.template.spec.containers) expect(() => new Script(args[0]!)).not.to.throw();
    });

    it('hands each manifest of the folder to a command', () => {
      const commands = [...page.matchAll(/(?:-[fk]|install \w+) (examples\/\S+)/g)].map(([, path]) => path!);
      const handed = (path: string) => commands.some((given) => path === given || path.startsWith(`${given}/`));
      expect(manifestsOf(folder).filter((path) => !handed(path))).to.deep.equal([]);
    });

    it('waits until Consul holds the rules before it makes pods', () => {
      const lines = scriptsOf(folder, 'Apply')[0]!.split('\n');
      const at = (pattern: RegExp) => lines.findIndex((line) => pattern.test(line));
      expect(at(/condition=Synced/)).to.be.within(1, at(/app\.yaml|-k |helm install/) - 1);
    });
  });
}

describe('examples/gitops', () => {
  it('has Argo CD and Flux read a folder that is there', () => {
    const text = ['argo-cd', 'flux'].map((name) =>
      readFileSync(join(repositoryRoot, `examples/gitops/${name}.yaml`), 'utf8'),
    );
    const paths = [...text.join('\n').matchAll(/^ +path: (\S+)$/gm)].map(([, path]) => path!);
    expect(paths).to.have.length(2);
    for (const path of paths) expect(existsSync(join(repositoryRoot, path, 'kustomization.yaml')), path).to.equal(true);
  });
});
