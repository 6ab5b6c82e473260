import type { MeshServiceStatus } from '../../crds/mesh-service.ts';
import { doubtIn } from '../outside/call-doubt.ts';
import { type FoundDoor, type MachineDoors, machineDoorsOf } from '../doors/machines-verdict.ts';

/** Instances of one name outside the cluster. */
export interface Outside {
  ready: number;
  total: number;
  /** Instances that take no traffic, with the words of the first. */
  down?: Told | undefined;
  /** Healthy instances of which calls may fail, with the cause at the first. */
  doubted?: Told | undefined;
  /** The state of the ports of apps on machines; undefined without an instance there. */
  doors?: MachineDoors | undefined;
  /** Nobody has looked since this operator began to lead: the counts are those of the status. */
  recalled?: boolean;
}

/** The last counts that an operator wrote. */
export const recalledOutside = (status: MeshServiceStatus | undefined): Outside => {
  const { ready = 0, total = 0 } = status?.instances?.external ?? {};
  return { ready, total, recalled: true };
};

interface Told {
  count: number;
  /** Its id. */
  first: string;
  /** One short line without control characters and quotation marks. */
  words: string;
}

interface Found extends FoundDoor {
  output: string;
}

/** Counts them. Words that differ from those `before` by numbers alone stay, so that a status does not change with each check. */
export function outsideOf(found: Found[], before?: Outside): Outside {
  const down = found.filter(({ status }) => status === 'critical');
  const doubted = found.flatMap((one) => {
    const output = one.status === 'passing' ? doubtIn(one.output) : undefined;
    return output === undefined ? [] : [{ ...one, output }];
  });
  return {
    ready: found.length - down.length,
    total: found.length,
    down: told(down, before?.down),
    doubted: told(doubted, before?.doubted),
    doors: machineDoorsOf(found, wordsOf),
  };
}

function told(found: Found[], before: Told | undefined): Told | undefined {
  const [first] = found;
  if (first === undefined) return undefined;
  const { ID } = first.service;
  const words = wordsOf(first.output);
  const same = before?.first === ID && withoutNumbers(before.words) === withoutNumbers(words);
  return { count: found.length, first: ID, words: same ? before.words : words };
}

const MAX_WORDS = 200;
/** The beginning that is looked at: an output may be long. */
const MAX_READ = 2000;

/** A machine gives any text, and a person reads it in a terminal. */
function wordsOf(output: string): string {
  const [line = ''] = output
    .slice(0, MAX_READ)
    .trim()
    .split(/[\r\n\u2028\u2029]/, 1);
  const plain = line
    .replace(/[\p{C}\s]+/gu, ' ')
    .replaceAll('"', "'")
    .trim();
  return plain.length > MAX_WORDS ? `${[...plain].slice(0, MAX_WORDS - 1).join('')}…` : plain || 'no reason given';
}

const withoutNumbers = (words: string): string => words.replace(/\d+/g, '#');

/** The sentence of a condition, and after it why instances outside the cluster take no traffic. */
export function withDown(sentence: string, { down }: Outside): string {
  if (down === undefined) return sentence;
  if (down.count === 1) return `${sentence} ${down.first} is down: "${down.words}".`;
  return `${sentence} ${down.count} instances outside the cluster are down, for example ${down.first}: "${down.words}".`;
}

/** Sentence of a condition about instances that may not be reached; undefined without one. */
export const doubtSentence = ({ doubted }: Outside): string | undefined =>
  doubted &&
  (doubted.count === 1
    ? `Calls of ${doubted.first} may fail: "${doubted.words}".`
    : `Calls of ${doubted.count} instances outside the cluster may fail, for example of ${doubted.first}: "${doubted.words}".`);
