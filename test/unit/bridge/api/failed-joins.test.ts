import { expect } from 'chai';
import { limitFailedJoins } from '../../../../bridge/api/failed-joins.ts';
import { fakeClock } from '../fake-clock.ts';

describe('the limit of failed joins', () => {
  it('is for one address and one minute', async () => {
    const clock = fakeClock();
    const limit = limitFailedJoins(clock, 3);
    for (let times = 0; times < 3; times += 1) limit.note('10.0.0.1');
    await clock.advance(20_000);
    expect(() => limit.note('10.0.0.1')).to.throw('told again in 40 s');
    expect(() => limit.note('10.0.0.2')).not.to.throw();
    await clock.advance(40_000);
    for (let times = 0; times < 3; times += 1) limit.note('10.0.0.1');
    expect(() => limit.note('10.0.0.1')).to.throw('told again in 60 s');
  });

  it('remembers at most as many addresses as it has room for', () => {
    const limit = limitFailedJoins(fakeClock(), 1);
    for (let index = 0; index <= 10_000; index += 1) limit.note(`address-${index}`);
    expect(() => limit.note('address-0')).not.to.throw();
    expect(() => limit.note('address-2')).to.throw('1 more from address-2');
  });
});
