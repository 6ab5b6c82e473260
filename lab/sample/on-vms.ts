import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { CommandFailed } from '../host/exec.ts';
import { vmCopy, vmExec } from '../vm/exec.ts';
import type { Vm } from '../vm/vm.ts';
import { repositoryRoot } from '../paths.ts';
import { landbridge } from './landbridge.ts';

export const SITE = 'rack-1';
/** nginx on vm1: where the outside comes in. */
export const EDGE_PORT = 8080;
/** The legacy machine's own port; its unit has it. */
export const LEDGER_PORT = 8090;

/** One service of the sample on one VM. */
export interface Placed {
  service: string;
  /** Folders of the built sample that it needs. */
  folders: string[];
  /** systemd units to start; `%` stands for a port. */
  unit?: string;
  ports: number[];
  check?: string;
}

/** Nothing is static: the lab throws dice for each port, and tells the unit and the mesh. */
const aPort = (): number => randomInt(7000, 8000);
const ports = (count: number): number[] => {
  const some = new Set<number>();
  while (some.size < count) some.add(aPort());
  return [...some].sort();
};

const placement = (): Record<string, Placed[]> => ({
  vm1: [
    { service: 'edge', folders: ['edge'], unit: 'edge', ports: [EDGE_PORT], check: 'http:/healthz' },
    { service: 'echo-vm', folders: ['echo'], unit: 'echo@%', ports: ports(1), check: 'tcp' },
    { service: 'echo-client-vm', folders: [], ports: [] },
  ],
  vm2: [
    {
      service: 'add-svc',
      folders: ['jre', 'add-svc'],
      unit: 'add-svc@%',
      ports: ports(2),
      check: 'http:/actuator/health',
    },
  ],
  vm3: [
    { service: 'sub-svc', folders: ['sub-svc'], unit: 'sub-svc@%', ports: ports(1), check: 'http:/actuator/health' },
  ],
});

/** Starts the sample's processes of this VM under its systemd, on ports chosen now. */
export async function startUnits(
  vm: Vm,
  sampleFolder: string,
  placed: Placed[],
  gateways: string[] = [],
): Promise<void> {
  const folders = [...new Set(placed.flatMap(({ folders }) => folders))];
  const units = placed.flatMap(({ unit, ports }) =>
    unit === undefined ? [] : ports.map((port) => unit.replace('%', `${port}`)),
  );
  const files = [
    ...new Set(placed.flatMap(({ unit, folders }) => (unit === undefined ? [] : [unitFile(unit, folders)]))),
  ];
  await vmCopy(
    vm,
    folders.map((folder) => join(sampleFolder, folder)),
    '/opt/sample',
  );
  await vmCopy(vm, files, '/etc/systemd/system');
  const edge = gateways.length === 0 ? '' : `echo EDGE_GATEWAY=${gateways.join(',')} > /etc/sample/edge.env && `;
  const script = `mkdir -p /etc/sample && echo HOST_ADDRESS=${vm.address} > /etc/sample/host.env && ${edge}systemctl daemon-reload && systemctl enable --now "$@"`;
  await vmExec(vm, ['sh', '-euc', script, 'start', ...units], { timeoutMs: 60_000 });
}

/** The unit lies in the service's folder; `echo@%` is made from the file `echo@.service`. */
const unitFile = (unit: string, folders: string[]): string =>
  join(repositoryRoot, 'services', folders.at(-1)!, `${unit.replace('%', '')}.service`);

/** `landbridge vm invite` on the host, `landbridge vm join` inside the VM: as a person would type them. Gives the output of the VM. */
async function joinOne(vm: Vm, { service, ports, check }: Placed): Promise<string> {
  const invite = JSON.parse(await landbridge(['vm', 'invite', service, '--site', SITE, '-o', 'json'])) as {
    invite: string;
  };
  const flags = [...ports.flatMap((port) => ['--port', `${port}`]), ...(check === undefined ? [] : ['--check', check])];
  const { stdout } = await vmExec(vm, ['landbridge', 'vm', 'join', invite.invite, ...flags], { timeoutMs: 60_000 });
  return stdout.trim();
}

/**
 * Starts and joins everything that runs on VMs, VM by VM side by side; nginx among them gets the address of the edge gateway. `say` gets one line a member.
 */
export async function joinVms(
  vms: Vm[],
  sampleFolder: string,
  gateways: string[],
  say: (line: string) => void,
): Promise<void> {
  const placed = placement();
  await Promise.all(
    vms.map(async (vm) => {
      const here = placed[vm.name] ?? [];
      await startUnits(vm, sampleFolder, here, gateways);
      for (const one of here) say(`${vm.name}: ${await joinOne(vm, one)}`);
    }),
  );
}

/** Starts one more service on a VM and joins it; without a unit it is only a caller. */
export async function placeOnVm(vm: Vm, sampleFolder: string, placed: Placed): Promise<void> {
  if (placed.unit !== undefined) await startUnits(vm, sampleFolder, [placed]);
  await joinOne(vm, placed);
}

/** The machine that nobody may touch: nothing of ours on it, known by its address and checked by the bridge. */
export async function registerLedger(vm: Vm, sampleFolder: string): Promise<void> {
  await startUnits(vm, sampleFolder, [
    { service: 'ledger', folders: ['ledger'], unit: 'ledger', ports: [LEDGER_PORT] },
  ]);
  const where = ['--address', vm.address, '--port', `${LEDGER_PORT}`, '--site', SITE];
  await landbridge(['register', 'ledger', ...where, '--check', 'http:/health', '--tag', 'legacy']).catch(
    (error: unknown) => {
      // Registered; it listens a moment later, and the bridge goes on trying.
      if (!(error instanceof CommandFailed) || error.result.code !== 3) throw error;
    },
  );
}
