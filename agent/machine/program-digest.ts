import { createHash } from 'node:crypto';
import { readFileSync, realpathSync } from 'node:fs';

/**
 * The digest of the file from which a process was started, as it is now. The agent takes it when it starts: another one later tells that the
 * program was replaced, whether its version differs or not. Undefined: the file cannot be read.
 */
export function programDigest(script = process.argv[1]): string | undefined {
  try {
    return (
      script &&
      createHash('sha256')
        .update(readFileSync(realpathSync(script)))
        .digest('hex')
        .slice(0, 12)
    );
  } catch {
    return undefined;
  }
}
