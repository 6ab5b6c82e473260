import { parseArgs } from 'node:util';
import { LOSSES, type LossFigures, lossLine, tellLoss } from '../../test/support/rigs/stories/loss-stories.ts';
import { startWebStory } from '../../test/support/rigs/stories/web-story.ts';
import { describeMachine } from '../report.ts';

/**
 * `npm run bench:stories [-- --watch 60 --watch-off 60]`: counts the loss while 200 requests a second come in at the edge of
 * the lab that is up, in the so many seconds after each loss, with retries and without. Fails when less than 99.5 %
 * succeed with retries.
 */
const { values } = parseArgs({
  options: { watch: { type: 'string', default: '60' }, 'watch-off': { type: 'string', default: '60' } },
});
const seconds = (text: string): number => {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 10 && count <= 600) return count;
  throw new Error(`${text}: want a number of seconds from 10 to 600`);
};
const watchMs = { on: 1000 * seconds(values.watch), off: 1000 * seconds(values['watch-off']) };

console.log(describeMachine());
const story = await startWebStory();
const figures: LossFigures[] = [];
try {
  for (const retries of [true, false]) {
    for (const loss of LOSSES) {
      const figure = await tellLoss(story, loss, retries, retries ? watchMs.on : watchMs.off);
      figures.push(figure);
      console.log(lossLine(figure));
    }
  }
} finally {
  await story.remove();
}
const short = figures.filter(({ retries, failed, sent }) => retries && failed > 0.005 * sent);
for (const { what } of short) console.log(`short: less than 99.5 % succeeded when ${what}`);
process.exit(short.length === 0 ? 0 : 1);
