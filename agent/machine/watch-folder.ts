import { watch } from 'node:fs';

import type { Clock } from '../../base/clock.ts';

/** An editor writes a file in several steps: wait until it is quiet. */
const QUIET_MS = 50;
/** A folder that does not exist yet, or was replaced, cannot be watched: look now and then as well. */
const LOOK_MS = 5000;

/** Calls `changed` soon after anything in the folder changed, and every 5 s in any case. Ends with the signal. */
export function watchFolder(folder: string, clock: Clock, changed: () => void, signal: AbortSignal): void {
  let cancelQuiet = (): void => {};
  let cancelLook = (): void => {};
  let watching = false;

  const open = (): void => {
    if (watching) return;
    try {
      const watcher = watch(folder, { signal, persistent: false });
      watching = true;
      const lost = (): void => void (watching = false);
      watcher.on('change', (event, file) => {
        // When the folder itself goes, the event carries its own name; watch the new one at the next look.
        if (event === 'rename' && file !== null && folder.endsWith(`/${file.toString()}`)) watcher.close();
        cancelQuiet();
        cancelQuiet = clock.after(QUIET_MS, changed);
      });
      watcher.on('error', lost);
      watcher.on('close', lost);
    } catch {
      // Not there yet.
    }
  };
  const look = (): void => {
    open();
    cancelLook = clock.after(LOOK_MS, () => {
      changed();
      look();
    });
  };
  signal.addEventListener('abort', () => {
    cancelQuiet();
    cancelLook();
  });
  if (!signal.aborted) look();
}
