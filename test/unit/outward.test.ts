import { expect } from 'chai';
import { load } from 'js-yaml';
import { accessSync, constants, readFileSync, readdirSync } from 'node:fs';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const manifest = JSON.parse(read('package.json')) as {
  license: string;
  engines: { node: string };
  scripts: Record<string, string>;
};

describe('the files for people from outside', () => {
  it('hold the text of the licence that package.json names', () => {
    expect(manifest.license).to.equal('Apache-2.0');
    expect(read('LICENSE')).to.contain('Apache License').and.to.contain('Version 2.0, January 2004');
  });

  it('name a version of Node that package.json admits', () => {
    const [least] = /\d+/.exec(manifest.engines.node) ?? [];
    expect(Number(read('.nvmrc'))).to.be.at.least(Number(least));
  });

  it('have workflows that call scripts which are here', () => {
    interface Workflow {
      jobs: Record<string, { steps: { run?: string }[] }>;
    }
    const commands = readdirSync(new URL('../../.github/workflows/', import.meta.url)).flatMap((name) => {
      const { jobs } = load(read(`.github/workflows/${name}`)) as Workflow;
      return Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []));
    });
    expect(commands).to.include.members(['npm ci', 'npm run verify', '.ci/run']);
    for (const [, script = ''] of commands.map((command) => /^npm run (\S+)/.exec(command) ?? []))
      if (script !== '') expect(manifest.scripts, script).to.have.property(script);
    accessSync(new URL('../../.ci/run', import.meta.url), constants.X_OK);
  });

  it('are valid YAML where GitHub reads them as such', () => {
    for (const name of [
      'dependabot.yml',
      'ISSUE_TEMPLATE/bug.yml',
      'ISSUE_TEMPLATE/feature.yml',
      'ISSUE_TEMPLATE/config.yml',
    ])
      expect(load(read(`.github/${name}`)), name).to.be.an('object');
  });
});
