import { hostEngineAnswers } from './engine/engine.ts';
import { attempt } from './host/exec.ts';

/** The needs of the lab, as found on a machine. */
export interface Machine {
  platform: string;
  arch: string;
  root: boolean;
  nodeVersion: string;
  /** As `1.26.8`; undefined: Go is missing. */
  goVersion: string | undefined;
  /** `local` keeps Go from getting the toolchain a module asks for. */
  goToolchain: string;
  python: boolean;
  apt: boolean;
  /** A Docker engine answers. */
  docker: boolean;
}

/** The newest Go that a module below lab/go asks for. */
const goNeeded = '1.25.8';
/** From this on Go gets the toolchain a module asks for by itself. */
const goSwitching = '1.21.0';

const elsewhere = `What works here: \`kind create cluster --config kind-config.yaml\` with Docker and kind installed gives the
cluster alone, without the VMs.`;

/** Throws naming everything that is missing for a start on this machine. */
export async function checkMachine(): Promise<void> {
  const lines = missing(await thisMachine(await hostEngineAnswers()));
  if (lines.length > 0)
    throw new Error(`the lab cannot start here. Missing:\n${lines.map((line) => `  - ${line}`).join('\n')}`);
}

/** Throws unless this process may take a lab away. */
export async function checkRoot(): Promise<void> {
  if (process.platform !== 'linux') throw new Error('no lab can be here: it runs on Linux only');
  if (process.getuid?.() !== 0) throw new Error('taking the lab away needs root: `sudo npm stop`');
}

/** Looks at this machine. Changes nothing. */
async function thisMachine(docker: boolean): Promise<Machine> {
  const has = async (command: string, args: string[]): Promise<boolean> => (await attempt(command, args)).code === 0;
  const go = await attempt('go', ['env', 'GOVERSION', 'GOTOOLCHAIN']);
  const [version, toolchain] = go.stdout.trim().split('\n');
  return {
    platform: process.platform,
    arch: process.arch,
    root: process.getuid?.() === 0,
    nodeVersion: process.versions.node,
    goVersion: go.code === 0 ? version?.replace(/^go/, '') : undefined,
    goToolchain: toolchain ?? 'auto',
    python: await has('python3', ['--version']),
    apt: await has('apt-get', ['--version']),
    docker,
  };
}

/** One line for each thing that is missing, with its remedy; none when the lab can start. */
export function missing(machine: Machine): string[] {
  if (machine.platform !== 'linux' || machine.arch !== 'x64')
    return [`Linux on x86_64: this is ${machine.platform} on ${machine.arch}. ${elsewhere}`];
  const lines: string[] = [];
  if (!machine.root)
    lines.push(
      `root: namespaces, VMs${machine.docker ? '' : ' and the private Docker engine'} need it. Run \`sudo npm start\`. ${elsewhere}`,
    );
  if (older(machine.nodeVersion, '20.0.0'))
    lines.push(`Node.js 20 or newer: this is ${machine.nodeVersion}. Install one from nodejs.org.`);
  lines.push(...missingGo(machine));
  if (!machine.python) lines.push('Python 3, which unpacks Envoy: `apt-get install python3`.');
  if (!machine.apt)
    lines.push(`apt-get, which installs the roots of nodes and VMs: use Debian or Ubuntu. ${elsewhere}`);
  return lines;
}

function missingGo({ goVersion, goToolchain }: Machine): string[] {
  const remedy = `install Go ${goNeeded} or newer from go.dev, and put its bin folder on the PATH.`;
  if (goVersion === undefined) return [`Go, which builds Consul and Kubernetes: ${remedy}`];
  const enough = goToolchain === 'local' ? goNeeded : goSwitching;
  return older(goVersion, enough) ? [`Go ${enough}: this is ${goVersion}; ${remedy}`] : [];
}

/** Whether version `a` comes before `b`; the rest after the numbers (`1.26rc1`) does not count. */
function older(a: string, b: string): boolean {
  const numbers = (version: string): number[] => (version.match(/\d+/g) ?? []).slice(0, 3).map(Number);
  const [left, right] = [numbers(a), numbers(b)];
  for (const [index, wanted] of right.entries()) {
    const difference = (left[index] ?? 0) - wanted;
    if (difference !== 0) return difference < 0;
  }
  return false;
}
