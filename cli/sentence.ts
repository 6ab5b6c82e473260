/** The text of an error for the user: its message, and its causes where they say more. Never a stack trace, unless LANDBRIDGE_DEBUG is set. */
export function sentence(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (process.env.LANDBRIDGE_DEBUG) return error.stack ?? error.message;
  const messages = [error.message];
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) {
    if (!messages.some((message) => message.includes((cause as Error).message))) messages.push(cause.message);
  }
  return messages.join(': ');
}
