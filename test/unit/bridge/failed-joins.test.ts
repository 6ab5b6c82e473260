import { expect } from 'chai';
import { limitFailedJoins } from '../../../bridge/failed-joins.ts';
import { fakeClock } from './fake-clock.ts';

describe('the limit of failed joins', () => {
  it('is for one address and one minute', async () => {
    const clock = fakeClock();
    const limit = limitFailedJoins(clock, 3);
    for (let times = 0; times < 3; times += 1) limit.note('10.0.0.1');
    await clock.advance(20_000);
    expect(() => limit.check('10.0.0.1')).to.throw('try again in 40 s');
    expect(() => limit.check('10.0.0.2')).not.to.throw();
    await clock.advance(40_000);
    expect(() => limit.check('10.0.0.1')).not.to.throw();
    limit.note('10.0.0.1');
    expect(() => limit.check('10.0.0.1')).not.to.throw();
  });

  it('remembers no more addresses than it has room for', () => {
    const limit = limitFailedJoins(fakeClock(), 1);
    for (let index = 0; index <= 10_000; index += 1) limit.note(`address-${index}`);
    expect(() => limit.check('address-0')).not.to.throw();
    expect(() => limit.check('address-1')).to.throw('1 joins from address-1');
  });
});
