import { connect } from 'node:net';
import packet, { type Packet, type RecordType } from 'dns-packet';

export interface DnsTarget {
  host: string;
  port: number;
}

/** No answer, or one that cannot be read. The message names the server. */
export class DnsUnavailable extends Error {
  override readonly name = 'DnsUnavailable';
}

/** RFC 1035 section 4.2.2: two bytes of length go before a message on TCP. */
const LENGTH_BYTES = 2;

/**
 * One question to one server over TCP, where no answer is cut short and a port nobody listens on says so at once.
 * Gives the message as it came. Throws DnsUnavailable.
 */
export function askDns(
  { host, port }: DnsTarget,
  question: { name: string; type: RecordType },
  timeoutMs: number,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const chunks: Buffer[] = [];
    let size = 0;
    const timer = setTimeout(() => fail(`no answer within ${timeoutMs} ms`), timeoutMs);
    const end = (): void => {
      clearTimeout(timer);
      socket.destroy();
    };
    const fail = (why: string): void => {
      end();
      reject(new DnsUnavailable(`DNS at ${host}:${port}: ${why}`));
    };
    socket.once('error', (error) => fail(error.message));
    socket.once('close', () => fail('the connection was closed before there was an answer'));
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size < LENGTH_BYTES) return;
      const all = Buffer.concat(chunks);
      const length = all.readUInt16BE(0);
      if (all.length < LENGTH_BYTES + length) return;
      end();
      resolve(all.subarray(LENGTH_BYTES, LENGTH_BYTES + length));
    });
    socket.write(
      packet.streamEncode({
        type: 'query',
        id: 1,
        flags: packet.RECURSION_DESIRED,
        questions: [{ ...question, class: 'IN' }],
      }),
    );
  });
}

/** The addresses of an answer, and its code such as NOERROR or NXDOMAIN. Throws DnsUnavailable. */
export function readAnswer(message: Buffer): { code: string; addresses: string[] } {
  let read: Packet & { rcode?: string };
  try {
    read = packet.decode(message);
  } catch (error) {
    throw new DnsUnavailable(`the answer is no DNS message: ${(error as Error).message}`);
  }
  const addresses = (read.answers ?? []).flatMap((answer) =>
    answer.type === 'A' || answer.type === 'AAAA' ? [answer.data] : [],
  );
  return { code: read.rcode ?? '', addresses };
}
