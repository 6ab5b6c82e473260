import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { parseDefinition, readDefinitions } from '../../../../agent/instances/definitions.ts';

describe('a definition', () => {
  it('needs a service and a port, and checks the port by a connection', () => {
    expect(parseDefinition('a.yaml', 'service: add-svc\ninstances: [{ port: 7001 }]')).to.deep.equal({
      definition: {
        service: 'add-svc',
        instances: [
          {
            port: 7001,
            check: { type: 'tcp', intervalMs: 1000, timeoutMs: 1000 },
            failures: 1,
            successes: 1,
          },
        ],
      },
    });
  });

  it('of a member that only calls others has port 0 and no check', () => {
    const parsed = parseDefinition('a.yaml', 'service: edge\ninstances: [{ port: 0 }]');
    expect(parsed).to.have.nested.property('definition.instances[0].check', undefined);
  });

  const mistakes: [string, string, RegExp][] = [
    ['no YAML at all', 'service: [', /^a\.yaml: not YAML/],
    ['an empty file', '\n', /^a\.yaml: it is empty/],
    ['a list', '- service: add-svc', /^a\.yaml: .*expected object/],
    ['no instances', 'service: add-svc', /^a\.yaml: instances: /],
    ['an empty list of instances', 'service: add-svc\ninstances: []', /^a\.yaml: instances: /],
    ['a service name in capitals', 'service: Add\ninstances: [{ port: 1 }]', /^a\.yaml: service: lower-case/],
    ['a misspelt field', 'service: add-svc\ninstances: [{ port: 1, chek: {} }]', /^a\.yaml: instances\[0\]: .*chek/],
    ['a misspelt top field', 'servise: add-svc\ninstances: [{ port: 1 }]', /^a\.yaml: service: |servise/],
    ['a port that is a word', 'service: add-svc\ninstances: [{ port: web }]', /^a\.yaml: instances\[0\]\.port: /],
    ['a port out of range', 'service: add-svc\ninstances: [{ port: 70000 }]', /^a\.yaml: instances\[0\]\.port: /],
    ['a broken port', 'service: add-svc\ninstances: [{ port: 80.5 }]', /^a\.yaml: instances\[0\]\.port: /],
    [
      'the same port twice',
      'service: a\ninstances: [{ port: 1 }, { port: 1 }]',
      /instances: two instances have the same port/,
    ],
    [
      'an unknown check',
      'service: a\ninstances: [{ port: 1, check: { type: ping } }]',
      /^a\.yaml: instances\[0\]\.check/,
    ],
    ['a path without slash', 'service: a\ninstances: [{ port: 1, check: { type: http, path: x } }]', /check\.path: /],
    [
      'a path for tcp',
      'service: a\ninstances: [{ port: 1, check: { type: tcp, path: / } }]',
      /instances\[0\]\.check: .*path/,
    ],
    [
      'an interval too short',
      'service: a\ninstances: [{ port: 1, check: { type: tcp, intervalMs: 1 } }]',
      /check\.intervalMs: /,
    ],
    [
      'a check of nothing',
      'service: a\ninstances: [{ port: 0, check: { type: tcp } }]',
      /check: an instance without a port/,
    ],
    ['no tolerance at all', 'service: a\ninstances: [{ port: 1, failures: 0 }]', /instances\[0\]\.failures: /],
  ];
  for (const [what, text, sentence] of mistakes) {
    it(`with ${what} is refused, naming file and field`, () => {
      const parsed = parseDefinition('a.yaml', text);
      expect(parsed).to.have.property('problems');
      expect((parsed as { problems: string[] }).problems.join('\n')).to.match(sentence);
    });
  }
});

describe('the folder of definitions', () => {
  let folder: string;
  const put = (file: string, text: string): Promise<void> => writeFile(join(folder, file), text);
  const service = (name: string, port = 1): string => `service: ${name}\ninstances: [{ port: ${port} }]`;
  const names = (definitions: ReadonlyMap<string, { service: string }>): string[] =>
    [...definitions.values()].map((definition) => definition.service);
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'landbridge-definitions-'))));
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('is empty when it does not exist', async () => {
    const read = await readDefinitions(join(folder, 'missing'), new Map());
    expect(read).to.deep.equal({ definitions: new Map(), problems: [] });
  });

  it('is read by name, and other files are left alone', async () => {
    await put('b.yaml', service('b'));
    await put('a.yml', service('a'));
    for (const file of ['.a.yaml.swp', '.hidden.yaml', 'README', 'a.yaml~', 'x.yaml.1-2.tmp'])
      await put(file, 'nonsense: [');
    const { definitions, problems } = await readDefinitions(folder, new Map());
    expect(names(definitions)).to.deep.equal(['a', 'b']);
    expect(problems).to.deep.equal([]);
  });

  it('keeps what a file said before it was broken, and forgets it when the file is gone', async () => {
    await put('a.yaml', service('a'));
    await put('b.yaml', service('b'));
    const first = await readDefinitions(folder, new Map());
    await put('a.yaml', 'service: a\ninst');
    const second = await readDefinitions(folder, first.definitions);
    expect(names(second.definitions)).to.deep.equal(['a', 'b']);
    expect(second.problems).to.have.length(1);
    await rm(join(folder, 'a.yaml'));
    const third = await readDefinitions(folder, second.definitions);
    expect(names(third.definitions)).to.deep.equal(['b']);
  });

  it('takes a service from one file only, and says which', async () => {
    await put('a.yaml', service('same', 1));
    await put('b.yaml', service('same', 2));
    const { definitions, problems } = await readDefinitions(folder, new Map());
    expect([...definitions.keys()]).to.deep.equal(['a.yaml']);
    expect(problems).to.deep.equal(['b.yaml: service same is in a.yaml already; put all its instances there']);
  });

  it('names a file that cannot be read', async () => {
    await mkdir(join(folder, 'a.yaml'));
    expect((await readDefinitions(folder, new Map())).problems).to.deep.equal(['a.yaml: cannot be read (EISDIR)']);
  });
});
