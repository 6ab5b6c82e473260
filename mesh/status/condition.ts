import type { Condition } from '../../crds/kubernetes.ts';
import { REASONS, type Reason } from '../../crds/reasons.ts';

/** A condition without the times, which depend on the status before. */
export type Verdict = { status: Condition['status']; reason: Reason; message: string };

/** `detail` takes the place of the sentence of the reason. */
export const verdict = (status: Condition['status'], reason: Reason, detail?: string): Verdict => ({
  status,
  reason,
  message: detail ?? REASONS[reason],
});
