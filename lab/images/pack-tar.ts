import { run } from '../host/exec.ts';

/** Packs a folder as it is, with its modes. The same content gives the same bytes: names are sorted, and time and owner are zero. */
export async function packTar(folder: string, archive: string, members: readonly string[] = ['.']): Promise<void> {
  const same = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'];
  await run('tar', ['-C', folder, ...same, '-cf', archive, ...members]);
}
