import { ensurePart } from '../../../lab/parts/ensure-part.ts';
import { output } from '../../../lab/host/exec.ts';
import { silent } from '../../../lab/progress/progress.ts';

/** https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md */
export type KStatus = 'InProgress' | 'Failed' | 'Current' | 'Terminating' | 'NotFound' | 'Unknown';

/** The status of each object, in their order, by the library with which Flux waits. */
export async function kstatusOf(objects: object[]): Promise<{ status: KStatus; message: string }[]> {
  const said = await output(await ensurePart('kstatus', silent), [], { input: JSON.stringify(objects) });
  return JSON.parse(said) as { status: KStatus; message: string }[];
}
