import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** docs/architecture.md: the imports between folders. A folder may always import itself. */
const MAY_IMPORT: Record<string, string[]> = {
  base: [],
  crds: [],
  // The version alone.
  mesh: ['crds', 'package.json'],
  checks: ['base', 'mesh'],
  clients: ['base', 'mesh', 'crds'],
  operator: ['base', 'clients', 'mesh', 'crds'],
  bridge: ['base', 'checks', 'clients', 'mesh', 'crds'],
  agent: ['base', 'checks', 'mesh', 'crds'],
  charts: ['crds', 'mesh'],
  build: ['charts', 'mesh'],
  cli: ['base', 'agent', 'bridge', 'charts', 'clients', 'operator', 'mesh', 'crds'],
  docs: ['agent', 'bridge', 'cli', 'charts', 'crds'],
  lab: ['base', 'build', 'cli', 'charts', 'clients', 'mesh', 'services'],
  release: ['build', 'lab', 'cli', 'charts', 'mesh', 'crds'],
  services: [],
  bench: ['base', 'build', 'lab', 'clients', 'mesh', 'crds', 'operator', 'bridge', 'agent', 'cli', 'test'],
};

/** The rooms of a folder, from the ground up: a room imports only rooms that stand before it. */
const FLOORS: Record<string, string[]> = {
  mesh: [
    ...['equal.ts', 'duration.ts', 'names', 'installation', 'proxies', 'envoy', 'catalog', 'traffic', 'service'],
    ...['inject', 'foreign', 'doors', 'outside', 'gateways', 'status'],
  ],
  operator: [
    ...['environment.ts', 'file-reader.ts', 'observe', 'bootstrap', 'world', 'admission', 'sidecar-secret', 'catalog'],
    ...['foreign', 'gateways', 'proxies', 'doors', 'entries.ts', 'sidecars.ts', 'reconcile', 'lead.ts', 'main.ts'],
  ],
  bridge: [
    ...['refusal.ts', 'settings.ts', 'admission.ts', 'node-writer.ts', 'observe', 'standby', 'certificates', 'invites'],
    ...['tokens', 'externals', 'hosts', 'reach', 'api', 'handlers', 'load.ts', 'reread.ts', 'start.ts', 'main.ts'],
  ],
  agent: [
    ...[
      'machine',
      'bridge-client.ts',
      'tell-changes.ts',
      'envoy',
      'state',
      'instances',
      'reach',
      'local-api',
      'names',
      'doors',
    ],
    ...['membership', 'agent-api.ts', 'main.ts'],
  ],
  lab: [
    ...['paths.ts', 'checkout.ts', 'progress', 'host', 'parts', 'engine', 'network', 'cluster', 'images', 'node-image'],
    ...['vm', 'sample', 'requirements.ts', 'leftovers.ts', 'clean-up.ts', 'stop.ts', 'product.ts', 'prepare.ts'],
    ...['start.ts', 'running.ts', 'main.ts'],
  ],
};

/** Larger than other folders, because each file is the peer of the next: an object of the chart, a command. */
const PEERS = ['charts', 'cli/commands'];
const MAX_FILES = 20;

interface Source {
  /** The files of ours that it imports, types included. */
  imports: string[];
  /** Imports of packages. */
  packages: string[];
  /** Places where it imports something that no reader can name. */
  unnamed: number;
}

/** Keyed by path from the root. */
const sources = new Map<string, Source>();
const sourceFiles = [...Object.keys(MAY_IMPORT), 'test'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.m?ts$/.test(entry.name) && !entry.parentPath.includes('node_modules'))
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length)),
);
for (const file of sourceFiles) sources.set(file, readSource(file));

function readSource(file: string): Source {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const names: string[] = [];
  let unnamed = 0;
  const take = (node: ts.Node | undefined): void => {
    if (node === undefined) return;
    if (ts.isStringLiteralLike(node)) names.push(node.text);
    else unnamed += 1;
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) take(node.moduleSpecifier);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) take(node.arguments[0]);
    else if (ts.isImportTypeNode(node)) take(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : node);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest));
  const imports = names.filter((name) => name.startsWith('.')).map((name) => normalize(join(dirname(file), name)));
  return { imports, packages: names.filter((name) => !name.startsWith('.')), unnamed };
}

const filesOf = (folder: string): [string, Source][] => {
  const found = [...sources].filter(([file]) => file.startsWith(`${folder}/`));
  expect(found, `the folder ${folder}/ has no source`).not.to.deep.equal([]);
  return found;
};

/** One circle of imports, or nothing. */
function circle(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const way: string[] = [];
  const walk = (node: string): string[] | undefined => {
    const at = way.indexOf(node);
    if (at !== -1) return [...way.slice(at), node];
    if (done.has(node)) return undefined;
    way.push(node);
    for (const next of graph.get(node) ?? []) {
      const found = walk(next);
      if (found !== undefined) return found;
    }
    way.pop();
    done.add(node);
    return undefined;
  };
  for (const node of graph.keys()) {
    const found = walk(node);
    if (found !== undefined) return found;
  }
  return [];
}

describe('the architecture', () => {
  for (const [folder, allowed] of Object.entries(MAY_IMPORT)) {
    it(`${folder}/ imports nothing of ours but ${[folder, ...allowed].join(', ')}`, () => {
      for (const [file, { imports }] of filesOf(folder)) {
        for (const target of imports) {
          expect([folder, ...allowed], `${file} imports ${target}`).to.include(target.split('/')[0]);
        }
      }
    });
  }

  for (const [folder, rooms] of Object.entries(FLOORS)) {
    it(`a room of ${folder}/ imports only rooms below it`, () => {
      const roomOf = (file: string): string => file.split('/')[1]!;
      for (const room of rooms)
        expect(existsSync(join(ROOT, folder, room)), `${folder}/${room} is missing`).to.equal(true);
      for (const [file, { imports }] of filesOf(folder)) {
        expect(rooms, `${file}: give its room a floor`).to.include(roomOf(file));
        for (const target of imports.filter((path) => path.startsWith(`${folder}/`))) {
          const below = rooms.indexOf(roomOf(target)) <= rooms.indexOf(roomOf(file));
          expect(below, `${file} imports ${target}, which stands above it`).to.equal(true);
        }
      }
    });
  }

  it('no import, not even of a type, closes a circle', () => {
    const graph = new Map(
      [...sources].map(([file, { imports }]) => [file, imports.filter((path) => sources.has(path))]),
    );
    expect(circle(graph)).to.deep.equal([]);
  });

  it('finds the circle of two files and of a longer way', () => {
    const graph = (edges: Record<string, string[]>): Map<string, string[]> => new Map(Object.entries(edges));
    expect(circle(graph({ a: ['b'], b: ['a'] }))).to.deep.equal(['a', 'b', 'a']);
    expect(circle(graph({ x: ['a'], a: ['b'], b: ['c'], c: ['a'] }))).to.deep.equal(['a', 'b', 'c', 'a']);
    expect(circle(graph({ a: ['b', 'c'], b: ['c'], c: [] }))).to.deep.equal([]);
  });

  it('every import names its file, so that these rules see it', () => {
    const hidden = [...sources].filter(([file, { unnamed }]) => unnamed > 0 && !/^(test|services)\//.test(file));
    expect(hidden.map(([file]) => file)).to.deep.equal([]);
    expect(sources.get('cli/synthesized.ts')?.imports, 'a dynamic import is seen').to.include('charts/synthesize.ts');
  });

  it(`no folder has more than ${MAX_FILES} sources, unless they are peers`, () => {
    const counts = new Map<string, number>();
    for (const file of sources.keys()) counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1);
    const large = [...counts].filter(([, count]) => count > MAX_FILES).map(([folder]) => folder);
    expect(large).to.have.members(PEERS);
  });

  it('mesh/ is pure: no clock, no randomness, no environment, no file, no network, no log', () => {
    const impure =
      /\bDate\.now|new Date\(\)|performance\.now|Math\.random|\bprocess\.[a-z]|console\.|setTimeout|setInterval|fetch\(/;
    for (const [file, { packages }] of filesOf('mesh')) {
      expect(readFileSync(join(ROOT, file), 'utf8'), file).not.to.match(impure);
      for (const name of packages) expect(name, file).not.to.match(/^node:|^pino$|^consul$/);
    }
  });
});

/** Names of functions, methods, constants and properties that a file declares. */
function declaredIn(file: string): Set<string> {
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    const isNamed =
      ts.isFunctionDeclaration(node) ||
      ts.isMethodDeclaration(node) ||
      ts.isClassDeclaration(node) ||
      ts.isVariableDeclaration(node) ||
      ts.isPropertyAssignment(node) ||
      ts.isShorthandPropertyAssignment(node);
    if (isNamed && node.name !== undefined && (ts.isIdentifier(node.name) || ts.isPrivateIdentifier(node.name)))
      names.add(node.name.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, readFileSync(join(ROOT, file), 'utf8'), ts.ScriptTarget.Latest));
  return names;
}

describe('docs/architecture.md', () => {
  const page = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8');
  const walks = page.split(/^## (?=Walk \d)/m).slice(1);

  it('names a function of a file at each step of its four walks, and each is there', () => {
    expect(walks).to.have.length(4);
    for (const walk of walks) {
      const title = walk.split('\n')[0]!;
      const steps = [...walk.split(/^## /m)[0]!.matchAll(/`([\w/.-]+\.ts):(#?\w+)`/g)];
      expect(steps.length, title).to.be.greaterThan(5);
      for (const [, file = '', name = ''] of steps) {
        expect(existsSync(join(ROOT, file)), `${title}: ${file}`).to.equal(true);
        expect(declaredIn(file).has(name), `${title}: ${file} has no ${name}`).to.equal(true);
      }
    }
  });

  it('opens no file twice on the walks of a MeshService and of a pod', () => {
    for (const walk of walks.slice(0, 2)) {
      const rows = walk.split('\n').filter((line) => line.startsWith('| '));
      const files = rows.flatMap((row) => [
        ...new Set([...row.matchAll(/`([\w/.-]+\.ts):/g)].map((match) => match[1]!)),
      ]);
      expect(files.length).to.be.greaterThan(5);
      expect(files.filter((file, at) => files.indexOf(file) !== at)).to.deep.equal([]);
    }
  });

  it('names no file that is not there', () => {
    const named = [...page.matchAll(/`([a-z-]+\/[\w/.-]+\.ts)(?::#?\w+)?`/g)].map((match) => match[1]!);
    expect(named.length).to.be.greaterThan(40);
    for (const file of named) expect(existsSync(join(ROOT, file)), file).to.equal(true);
  });
});
