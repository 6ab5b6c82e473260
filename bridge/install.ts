import { createHash } from 'node:crypto';
import { installScript } from '../mesh/install-script.ts';
import type { Bridge } from './bridge.ts';

export interface Install {
  script: string;
  /** Hexadecimal. */
  sha256: string;
}

/** The script that this bridge serves, the same at every bridge of one version; undefined when it has no files to serve. */
export async function installOf(
  bridge: Pick<Bridge, 'vmFiles' | 'advertise' | 'authority'>,
): Promise<Install | undefined> {
  const files = await bridge.vmFiles.list();
  if (files.length === 0) return undefined;
  const { advertise, authority } = bridge;
  const script = installScript({ bridges: advertise, bridgeCaPem: authority.caPem, files });
  return { script, sha256: createHash('sha256').update(script).digest('hex') };
}
