import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** docs/architecture.md: the imports between folders. A folder may always import itself. */
const MAY_IMPORT: Record<string, string[]> = {
  base: [],
  build: ['charts', 'mesh'],
  crds: [],
  // The version alone.
  mesh: ['crds', 'package.json'],
  // What agent and bridge ask of an app.
  checks: ['base', 'mesh'],
  clients: ['base', 'mesh', 'crds'],
  operator: ['base', 'clients', 'mesh', 'crds'],
  bridge: ['base', 'checks', 'clients', 'mesh', 'crds'],
  agent: ['base', 'checks', 'mesh', 'crds'],
  charts: ['crds', 'mesh'],
  cli: ['base', 'agent', 'bridge', 'charts', 'clients', 'operator', 'mesh', 'crds'],
  docs: ['cli', 'charts', 'crds', 'bridge', 'agent'],
  release: ['lab', 'cli', 'charts', 'mesh', 'crds', 'build', 'build-chart.ts'],
  lab: ['base', 'cli', 'charts', 'clients', 'mesh', 'services', 'build'],
  bench: ['base', 'lab', 'clients', 'mesh', 'crds', 'operator', 'bridge', 'agent', 'cli', 'test', 'build'],
};

const files = (folder: string): string[] =>
  !existsSync(join(ROOT, folder))
    ? []
    : readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.parentPath.includes('node_modules'))
        .map((entry) => join(entry.parentPath, entry.name));

const importsOf = (file: string): string[] =>
  [
    ...readFileSync(file, 'utf8').matchAll(
      /^(?:import|export)[^'"]*from\s+['"]([^'"]+)['"]|^import\s+['"]([^'"]+)['"]/gm,
    ),
  ].map((match) => match[1] ?? match[2] ?? '');

describe('the architecture', () => {
  for (const [folder, allowed] of Object.entries(MAY_IMPORT)) {
    it(`${folder}/ imports nothing of ours but ${[folder, ...allowed].join(', ')}`, () => {
      for (const file of files(folder)) {
        for (const name of importsOf(file).filter((path) => path.startsWith('.'))) {
          const target = relative(ROOT, join(dirname(file), name)).split('/')[0]!;
          expect([folder, ...allowed], `${relative(ROOT, file)} imports ${name}`).to.include(target);
        }
      }
    });
  }

  it('services/ imports nothing of ours', () => {
    for (const file of files('services')) {
      for (const name of importsOf(file).filter((path) => path.startsWith('.'))) {
        expect(relative(ROOT, join(dirname(file), name)).split('/')[0], relative(ROOT, file)).to.equal('services');
      }
    }
  });

  it('mesh/ is pure: no clock, no randomness, no environment, no file, no network, no log', () => {
    const impure =
      /\bDate\.now|new Date\(\)|performance\.now|Math\.random|\bprocess\.[a-z]|console\.|setTimeout|setInterval|fetch\(/;
    for (const file of files('mesh')) {
      expect(readFileSync(file, 'utf8'), relative(ROOT, file)).not.to.match(impure);
      for (const name of importsOf(file)) expect(name, relative(ROOT, file)).not.to.match(/^node:|^pino$|^consul$/);
    }
  });
});
