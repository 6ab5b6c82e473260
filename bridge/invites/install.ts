import { createHash } from 'node:crypto';
import { installScript } from '../../mesh/outside/install-script.ts';
import type { Authority } from '../certificates/authority.ts';
import type { VmFiles } from './vm-files.ts';

export interface Install {
  script: string;
  /** Hexadecimal. */
  sha256: string;
}

export interface InstallParts {
  vmFiles: VmFiles;
  /** Bridge addresses, `host:port`, as hosts reach them. */
  advertise: string[];
  authority: Pick<Authority, 'caPem'>;
}

/** The script that this bridge serves, the same at every bridge of one version; undefined when it has no files to serve. */
export async function installOf({ vmFiles, advertise, authority }: InstallParts): Promise<Install | undefined> {
  const files = await vmFiles.list();
  if (files.length === 0) return undefined;
  const script = installScript({ bridges: advertise, bridgeCaPem: authority.caPem, files });
  return { script, sha256: createHash('sha256').update(script).digest('hex') };
}
