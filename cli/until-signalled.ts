/**
 * Runs a process of ours until it ends by itself, or by SIGTERM or SIGINT, which abort the signal that it gets. A second
 * Ctrl-C changes nothing: it must not cut a drain or a release short.
 */
export async function untilSignalled(
  run: (env: NodeJS.ProcessEnv, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const end = (name: NodeJS.Signals): void => stop.abort(new Error(`stopped by ${name}`));
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  try {
    await run(process.env, stop.signal);
  } finally {
    process.off('SIGTERM', end);
    process.off('SIGINT', end);
  }
}
