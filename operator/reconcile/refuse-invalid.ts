import { invalidStatus } from '../../mesh/status/status.ts';
import type { HeldMeshService } from '../world/held-mesh-service.ts';
import type { StatusWriter } from './status-writer.ts';

/** True when this program cannot read the object; its status then says so. One that is being deleted need not be read. */
export async function refuseInvalid(
  key: string,
  parts: {
    meshServices: { get(key: string): HeldMeshService | undefined };
    statuses: Pick<StatusWriter, 'write'>;
    now: () => string;
  },
): Promise<boolean> {
  const held = parts.meshServices.get(key);
  if (held?.invalid === undefined || held.metadata.deletionTimestamp !== undefined) return false;
  const { generation } = held.metadata;
  await parts.statuses.write(key, invalidStatus(held.status, generation, held.invalid, parts.now()));
  return true;
}
