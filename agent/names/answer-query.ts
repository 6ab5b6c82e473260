import packet, { type Answer, type DecodedPacket, type Question } from 'dns-packet';

import { NAME_TYPES, type NamesRequest, namesRequest } from '../../mesh/outside/bridge-api.ts';

/** Header codes, https://www.iana.org/assignments/dns-parameters */
const RCODE = { ok: 0, formErr: 1, servFail: 2, nxDomain: 3, notImp: 4, refused: 5 };
/** The size that resolvers take over UDP without naming one. */
const PLAIN_UDP_BYTES = 512;
/** Fits every path: https://www.dnsflagday.net/2020 */
const UDP_BYTES = 1232;

export interface NameSource {
  /** The answer that is known here: records, none of this type, or no such name. undefined: ask Consul. */
  local(name: string, type: string): Answer[] | 'denied' | undefined;
  /** Consul's message; undefined without an answer. */
  consul(question: NamesRequest): Promise<Buffer | undefined>;
}

/**
 * The answer to one DNS message. Names that do not end in consul are refused, so that a resolver that asks here by mistake
 * goes on to its next server. undefined: the message is not a question, and gets no answer.
 */
export async function answerQuery(query: Buffer, source: NameSource, way: 'udp' | 'tcp'): Promise<Buffer | undefined> {
  const refused = refusedByHeader(query);
  if (refused !== undefined) return refused === 'silently' ? undefined : withoutQuestion(query, refused);
  const asked = decode(query);
  if (asked === undefined) return undefined;
  if (!asksBack(query, asked)) return withoutQuestion(query, RCODE.formErr);
  const { code, answers = [], authorities = [], additionals = [] } = await resultOf(asked, source);
  const opt = asked.additionals?.find((record) => record.type === 'OPT');
  const whole = {
    type: 'response' as const,
    id: asked.id,
    flags: flagsOf(asked, code),
    questions: asked.questions,
    answers,
    authorities,
    additionals: opt === undefined ? additionals : [...additionals, edns()],
  };
  const message = packet.encode(whole);
  const room = opt === undefined ? PLAIN_UDP_BYTES : Math.min(Math.max(opt.udpPayloadSize, PLAIN_UDP_BYTES), UDP_BYTES);
  if (way === 'tcp' || message.length <= room) return message;
  const cut = { answers: [], authorities: [], additionals: opt === undefined ? [] : [edns()] };
  return packet.encode({ ...whole, ...cut, flags: whole.flags | packet.TRUNCATED_RESPONSE });
}

const HEADER_BYTES = 12;
/** A plain question has at most one, for EDNS; a signature would be another one. */
const MAX_ADDITIONALS = 4;

/**
 * Judges what costs nothing to read. Each name of a message may lead through the whole message, so decoding one with
 * thousands of names would keep the agent from its beats.
 */
function refusedByHeader(query: Buffer): number | 'silently' | undefined {
  if (query.length < HEADER_BYTES) return 'silently';
  const flags = query.readUInt16BE(2);
  if (flags & 0x8000) return 'silently';
  // The opcode is in bits 11 to 14; 0 is a plain question.
  if ((flags >> 11) & 0xf) return RCODE.notImp;
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) => query.readUInt16BE(at));
  const plain = questions === 1 && answers === 0 && authorities === 0 && additionals! <= MAX_ADDITIONALS;
  return plain ? undefined : RCODE.formErr;
}

/** Whether the answer would hold the very bytes that were asked: a label may hold a dot, or bytes other than UTF-8. */
function asksBack(query: Buffer, { questions = [] }: DecodedPacket): boolean {
  const again = packet.encode({ type: 'query', questions });
  return again.subarray(HEADER_BYTES).equals(query.subarray(HEADER_BYTES, again.length));
}

const withoutQuestion = (query: Buffer, code: number): Buffer =>
  packet.encode({
    type: 'response',
    id: query.readUInt16BE(0),
    flags: flagsOf({ flags: query.readUInt16BE(2) }, code),
  });

interface Result {
  code: number;
  answers?: Answer[];
  authorities?: Answer[];
  additionals?: Answer[];
}

async function resultOf(asked: DecodedPacket, source: NameSource): Promise<Result> {
  const question = asked.questions![0]!;
  const name = question.name.toLowerCase();
  const { type } = question;
  if (!/(^|\.)consul$/.test(name)) return { code: RCODE.refused };
  const local = source.local(name, type);
  if (local === 'denied') return { code: RCODE.nxDomain };
  if (local !== undefined) return { code: RCODE.ok, answers: local.map((answer) => as(question, answer)) };
  // Consul has no records of other types, and resolvers ask for some with every look-up.
  if (!NAME_TYPES.some((one) => one === type)) return { code: RCODE.ok };
  const wanted = namesRequest.safeParse({ name, type });
  if (!wanted.success) return { code: RCODE.nxDomain };
  const message = await source.consul(wanted.data);
  const given = message && decode(message);
  if (given === undefined) return { code: RCODE.servFail };
  return {
    code: given.flags! & 0xf,
    answers: given.answers?.map((answer) => (answer.name.toLowerCase() === name ? as(question, answer) : answer)),
    authorities: given.authorities,
    additionals: given.additionals?.filter((record) => record.type !== 'OPT'),
  };
}

/** Resolvers may mix cases, and want to find the name as they wrote it. */
const as = ({ name }: Question, answer: Answer): Answer => ({ ...answer, name });

const flagsOf = (asked: Pick<DecodedPacket, 'flags'>, code: number): number =>
  packet.AUTHORITATIVE_ANSWER | packet.RECURSION_AVAILABLE | ((asked.flags ?? 0) & packet.RECURSION_DESIRED) | code;

const edns = (): Answer =>
  ({
    type: 'OPT',
    name: '.',
    udpPayloadSize: UDP_BYTES,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    options: [],
  }) as unknown as Answer;

function decode(message: Buffer): DecodedPacket | undefined {
  try {
    return packet.decode(message);
  } catch {
    return undefined;
  }
}
