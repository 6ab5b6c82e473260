import { expect } from 'chai';
import fc from 'fast-check';
import { ConsulUnavailable } from '../../../../clients/consul/errors.ts';
import type { Transport } from '../../../../clients/consul/transport.ts';
import { sendTxn, txnBatches, txnOperation } from '../../../../clients/consul/writing/txn.ts';
import { checkOf } from '../../../contract/consul/consul-builders.ts';

const flip = (id: string, output = '') =>
  txnOperation({ op: 'set-check', node: 'n', check: checkOf(id, 'critical', output) });

/** Answers each transaction as told, and keeps what it was sent. */
function answering(...replies: { status: number; body: unknown }[]): { transport: Transport; sizes: number[] } {
  const sizes: number[] = [];
  const transport: Transport = {
    async send({ body }) {
      sizes.push((body as unknown[]).length);
      return { index: undefined, filtered: false, anonymous: false, ...(replies.shift() ?? { status: 200, body: {} }) };
    },
    close: () => undefined,
  };
  return { transport, sizes };
}

const refusing = (...errors: [number, string][]) => ({
  status: 409,
  body: { Errors: errors.map(([OpIndex, What]) => ({ OpIndex, What })) },
});

describe('transactions', () => {
  it('keep order, hold at most 128 operations and stay below the limit of Consul, for any outputs', () => {
    const outputs = fc.array(fc.nat(4096), { maxLength: 400 });
    fc.assert(
      fc.property(outputs, (lengths) => {
        const operations = lengths.map((length, i) => flip(`c${i}`, 'ü'.repeat(length)));
        const batches = txnBatches(operations);
        expect(batches.flat()).to.deep.equal(operations);
        for (const batch of batches) {
          expect(batch.length).to.be.within(1, 128);
          const bytes = Buffer.byteLength(JSON.stringify(batch.flatMap((operation) => operation.bodies)));
          expect(bytes).to.be.below(512 * 1024);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('are sent again without the culprits, at most twice', async () => {
    const batch = ['a', 'b', 'c', 'd', 'e', 'f'].map((id) => flip(id));
    const { transport, sizes } = answering(
      refusing([1, 'Permission denied'], [4, 'Permission denied']),
      refusing([0, 'Missing service registration']),
      refusing([0, 'Missing node registration']),
    );
    const failed = await sendTxn(transport, batch);
    expect(sizes).to.deep.equal([6, 4, 3]);
    expect([...failed].map(([operation]) => batch.indexOf(operation)).sort()).to.deep.equal([0, 1, 2, 3, 4, 5]);
    expect(failed.get(batch[0]!)).to.match(/Missing service/);
    expect(failed.get(batch[1]!)).to.match(/Permission denied/);
    expect(failed.get(batch[2]!)).to.match(/Missing node/);
    expect(failed.get(batch[3]!)).to.match(/rolled this change back because of others/);
  });

  it('are not sent again when Consul names no culprit', async () => {
    const { transport, sizes } = answering(refusing());
    expect((await sendTxn(transport, [flip('a'), flip('b')])).size).to.equal(2);
    expect(sizes).to.deep.equal([2]);
  });

  it('leave what the transport throws to the caller', async () => {
    const transport: Transport = {
      send: () => Promise.reject(new ConsulUnavailable('gone')),
      close: () => undefined,
    };
    const error = await sendTxn(transport, [flip('a')]).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(ConsulUnavailable);
  });
});
