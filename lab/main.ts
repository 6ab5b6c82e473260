import { existsSync } from 'node:fs';
import { withLock } from './parts/file-lock.ts';
import { kubeconfigFile, stateDirectory } from './paths.ts';
import { terminalProgress } from './progress-terminal.ts';
import type { Progress } from './progress.ts';
import { readyFile, start } from './start.ts';
import { marker } from './state.ts';
import { stop } from './stop.ts';

const commands: Record<string, (progress: Progress) => Promise<void>> = {
  start: async (progress) => {
    if (existsSync(readyFile)) {
      progress.say('The lab is up already. `npm stop` takes it away.');
      return;
    }
    await start(progress);
    progress.say(`The lab is up: KUBECONFIG=${kubeconfigFile}`);
  },
  stop,
};

const name = process.argv[2] ?? '';
const command = commands[name];
if (command === undefined) {
  console.error(`usage: npm run lab -- ${Object.keys(commands).join(' | ')}`);
  process.exit(2);
}
// Inherited by everything started from here; see state.ts.
process.env[marker] = stateDirectory;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    console.error(`\n${name}: interrupted. \`npm start\` begins anew, \`npm stop\` takes away what is there.`);
    process.exit(130);
  });
}
const progress = terminalProgress();
const begun = Date.now();
try {
  await withLock(
    '/run/landbridge-lab.lock',
    () => progress.say('Another start or stop is at work.'),
    () => command(progress),
  );
  progress.say(`${name}: ${((Date.now() - begun) / 1000).toFixed(1)} s`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
