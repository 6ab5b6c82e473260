import { expect } from 'chai';
import fc from 'fast-check';
import { editedText, jsonText } from '../../../../cli/manifest/edited-text.ts';
import { dumpYaml } from '../../../../cli/manifest/dump-yaml.ts';
import { type Value, parseDocument } from '../../../../cli/manifest/parse-document.ts';
import { equal } from '../../../../mesh/equal.ts';

type Map = { [key: string]: Value };

/** The text after `change` of what it says. */
function edited(text: string, change: (value: Map) => Map, json = false): string {
  const root = parseDocument(text)!;
  return editedText(text, root, change(root.value as Map), json);
}

const withLabel = (value: Map): Map => ({ ...value, labels: { ...(value['labels'] as Map | null), mesh: 'web' } });
const withItem = (value: Map): Map => ({
  ...value,
  items: [...((value['items'] as Value[] | null) ?? []), { name: 'z' }],
});

describe('editedText', () => {
  const cases: [string, string, (value: Map) => Map, string][] = [
    [
      'keeps comments, quotes, octal numbers and order',
      '# top\nmode: 0755 # octal\nlabels: # ours\n  app: "web" # q\n  # last\nyes: no\n',
      withLabel,
      '# top\nmode: 0755 # octal\nlabels: # ours\n  app: "web" # q\n  mesh: web\n  # last\nyes: no\n',
    ],
    ['keeps CRLF', 'labels:\r\n  app: web\r\nb: 1\r\n', withLabel, 'labels:\r\n  app: web\r\n  mesh: web\r\nb: 1\r\n'],
    ['adds to braces', 'labels: { app: web }\n', withLabel, 'labels: { app: web, mesh: web }\n'],
    ['adds to empty braces', 'labels: {}\nb: 1\n', withLabel, 'labels:\n  mesh: web\nb: 1\n'],
    ['fills a key without a value', 'labels:\nb: 1\n', withLabel, 'labels:\n  mesh: web\nb: 1\n'],
    ['fills a null', 'labels: null # none\nb: 1\n', withLabel, 'labels:\n  mesh: web # none\nb: 1\n'],
    ['adds a key that is not there', 'b: 1', withLabel, 'b: 1\nlabels:\n  mesh: web'],
    [
      'adds behind a block of text',
      'labels:\n  a: |\n    x\n\nb: 1\n',
      withLabel,
      'labels:\n  a: |\n    x\n\n  mesh: web\nb: 1\n',
    ],
    [
      'adds at the end of a text without a last newline',
      'labels:\n  a: |\n    x',
      withLabel,
      'labels:\n  a: |\n    x\n  mesh: web\n',
    ],
    ['adds to a list', 'items:\n- name: a # 1\n- name: b\n', withItem, 'items:\n- name: a # 1\n- name: b\n- name: z\n'],
    [
      'adds to brackets over lines',
      'items: [\n  {name: a},\n]\n',
      withItem,
      'items: [\n  {name: a}, { name: z },\n]\n',
    ],
    ['adds to empty brackets', 'items: []\n', withItem, 'items:\n  - name: z\n'],
    [
      'adds before the first item',
      'items:\n  - name: a\n',
      (value) => ({ ...value, items: [{ name: 'z' }, ...(value['items'] as Value[])] }),
      'items:\n  - name: z\n  - name: a\n',
    ],
    [
      'keeps digits that a float cannot hold, and words that only look like others',
      'a: 9007199254740993\nb: 1_000\nc: "yes"\nd: yes\nlabels:\n  x: y\n',
      withLabel,
      'a: 9007199254740993\nb: 1_000\nc: "yes"\nd: yes\nlabels:\n  x: y\n  mesh: web\n',
    ],
  ];
  for (const [what, before, change, after] of cases)
    it(`${what}`, () => expect(edited(before, change)).to.equal(after));

  it('writes JSON into JSON', () => {
    const before = '{\n\t"labels": {"a": "1"},\n\t"n": 9007199254740993\n}';
    expect(edited(before, withLabel, true)).to.equal(before.replace('"1"}', '"1", "mesh":"web"}'));
  });

  it('keeps a byte order mark', () => {
    expect(edited('\uFEFFlabels:\n  app: web\n', withLabel)).to.equal('\uFEFFlabels:\n  app: web\n  mesh: web\n');
  });

  it('changes nobody else who shares an anchor', () => {
    const text = 'labels: &l { app: web }\nother: *l\nmode: 0400\n';
    const after = parseDocument(edited(text, withLabel))!.value as Map;
    expect(after).to.deep.equal({ labels: { app: 'web', mesh: 'web' }, other: { app: 'web' }, mode: 256 });
  });

  it('gives an alias a content of its own', () => {
    const text = 'selector: &l\n  app: web # ours\nlabels: *l\nmode: 0400\n';
    expect(edited(text, withLabel)).to.equal(text.replace('*l', '{ app: web, mesh: web }'));
  });

  it('keeps the comments above a document that has to be printed as a whole', () => {
    const text = '# Source: chart/web.yaml\nlabels: &l { app: web }\nother: *l\n';
    expect(edited(text, withLabel)).to.match(
      /^# Source: chart\/web\.yaml\nlabels:\n {2}app: web\n {2}mesh: web\nother:/,
    );
  });

  it('changes one map that merges another', () => {
    const text = 'base: &b\n  app: web\nlabels:\n  <<: *b\n  own: 1\n';
    expect(edited(text, withLabel)).to.equal('base: &b\n  app: web\nlabels:\n  <<: *b\n  own: 1\n  mesh: web\n');
  });

  it('always says what it was asked to say, however the text was written', () => {
    const key = fc.constantFrom('a', 'name', 'on', '0400', 'x y', '#', 'é');
    const leaf = fc.oneof(
      fc.constantFrom<Value>(
        null,
        true,
        1.5,
        0,
        256,
        'yes',
        '0400',
        '1:30',
        '',
        ' x',
        'a: b',
        'multi\nline\n',
        '- x',
        '\t',
      ),
      fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n }).filter((value) => !Number.isSafeInteger(Number(value))),
      fc.string(),
    );
    const { value } = fc.letrec<{ value: Value }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        leaf,
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(key, tie('value'), { maxKeys: 4 }),
      ),
    }));
    const map = fc.dictionary(key, value, { minKeys: 1, maxKeys: 4 });
    fc.assert(
      fc.property(map, map, fc.boolean(), fc.boolean(), (before, more, flow, crlf) => {
        const plain = dumpYaml(before, flow);
        const text = crlf && !jsonText(before).includes('\\') ? plain.replaceAll('\n', '\r\n') : plain;
        const after = merged(before, more);
        const root = parseDocument(text)!;
        const result = parseDocument(editedText(text, root, after, false))!.value;
        return equal(result, after);
      }),
      { numRuns: 500 },
    );
  });
});

const isMap = (value: Value | undefined): value is Map =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function merged(before: Value, more: Value): Value {
  if (isMap(before) && isMap(more))
    return Object.fromEntries(
      [...new Set([...Object.keys(before), ...Object.keys(more)])].map((key) => [
        key,
        before[key] === undefined ? more[key]! : more[key] === undefined ? before[key] : merged(before[key], more[key]),
      ]),
    );
  return Array.isArray(before) && Array.isArray(more) ? [...before, ...more] : more;
}
