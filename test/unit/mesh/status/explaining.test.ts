import { expect } from 'chai';
import type { Condition } from '../../../../crds/kubernetes.ts';
import { explaining, inOneLine } from '../../../../mesh/status/explaining.ts';

const condition = (type: string, status: Condition['status'], message = `${type} is ${status}`): Condition => ({
  ...{ type, status, message },
  reason: 'x',
  lastTransitionTime: '',
});
const told = (...conditions: Condition[]): string[] => explaining(conditions).map(({ message }) => message);

describe('explaining', () => {
  it('tells nothing when all is well', () => {
    expect(
      told(condition('Ready', 'True'), condition('Synced', 'True'), condition('Reachable', 'Unknown')),
    ).to.deep.equal([]);
  });

  it('tells the condition that says why before the one that says how', () => {
    expect(
      told(condition('Ready', 'False', 'No instance takes traffic.'), condition('Injected', 'False', 'Label it.')),
    ).to.deep.equal(['Label it.', 'No instance takes traffic.']);
  });

  it('tells a condition that nobody had thought of, also while the service is ready', () => {
    expect(told(condition('Ready', 'True'), condition('Accepted', 'False', 'Envoy refuses it.'))).to.deep.equal([
      'Envoy refuses it.',
    ]);
  });

  it('goes into one line in which a command at the end of a sentence can be found', () => {
    expect(inOneLine(['Run: kubectl label', 'No instance.', 'Nothing.'])).to.equal(
      'Run: kubectl label; No instance. Nothing.',
    );
    expect(inOneLine([])).to.equal('');
  });

  it('tells a sentence once that two conditions have', () => {
    expect(told(condition('Ready', 'False', 'Taken.'), condition('Synced', 'False', 'Taken.'))).to.deep.equal([
      'Taken.',
    ]);
  });

  it('tells what is unknown only where nothing else explains', () => {
    expect(told(condition('Ready', 'False', 'None.'), condition('Synced', 'Unknown', 'Consul is away.'))).to.deep.equal(
      ['None.', 'Consul is away.'],
    );
    expect(
      told(
        condition('Ready', 'False', 'None.'),
        condition('Exposed', 'False', 'No gateway.'),
        condition('Synced', 'Unknown', 'Away.'),
      ),
    ).to.deep.equal(['No gateway.', 'None.']);
  });
});
