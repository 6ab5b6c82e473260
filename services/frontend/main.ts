import { instanceFromEnv } from './instance.ts';
import { logFor } from './log.ts';
import { routesFor } from './routes.ts';
import { startServing } from './serving.ts';
import { readSettings } from './settings.ts';

const self = instanceFromEnv('frontend', process.env);
const log = logFor(self);

try {
  const settings = readSettings(process.env);
  const serving = await startServing(self, settings, routesFor(settings), log);
  let stopping = false;
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    log('info', 'draining', { seconds: settings.drainMs / 1000 });
    const finished = await serving.stop();
    if (finished) log('info', 'stopped');
    else log('error', 'stopped with requests in flight');
    process.exit(finished ? 0 : 1);
  };
  process.on('SIGTERM', () => void stop());
  process.on('SIGINT', () => void stop());
  log('info', 'started', { port: serving.port });
} catch (error) {
  log('error', 'cannot start', { cause: (error as Error).message });
  process.exitCode = 2;
}
