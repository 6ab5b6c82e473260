import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execFileAsync = promisify(execFile);

/** Runs a tool to its end and returns what it printed. Rejects with the command and its complaint. */
export async function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  try {
    const { stdout, stderr } = await execFileAsync(command, [...args], { ...options, maxBuffer: 16 * 1024 * 1024 });
    return stdout + stderr;
  } catch (error) {
    const { stderr, stdout, code } = error as { stderr?: string; stdout?: string; code?: unknown };
    if (code === 'ENOENT') throw new Error(`${command} is not installed`);
    throw new Error(`${command} ${args.join(' ')} failed:\n${stderr || stdout || String(error)}`);
  }
}

export interface Versions {
  readonly java: string;
  readonly go: string;
  readonly node: string;
}

/** The versions of the tools at hand. Rejects with all that is missing or too old, each with its remedy. */
export async function toolVersions(): Promise<Versions> {
  const [javac, jlink, go] = await Promise.all([
    run('javac', ['-version']).catch(() => ''),
    run('jlink', ['--version']).catch(() => ''),
    run('go', ['version']).catch(() => ''),
  ]);
  const missing = [
    ...(major(javac) >= 17 && jlink
      ? []
      : ['a JDK, 17 or newer, with javac and jlink (Debian: openjdk-17-jdk-headless)']),
    ...(go ? [] : ['Go, 1.22 or newer']),
    ...(major(process.versions.node) >= 20 ? [] : ['Node, 20 or newer']),
  ];
  if (missing.length > 0)
    throw new Error(`building the sample needs:\n${missing.map((one) => `  - ${one}`).join('\n')}`);
  return { java: `${javac.trim()} ${jlink.trim()}`, go: go.trim(), node: process.version };
}

function major(version: string): number {
  return Number(/\d+/.exec(version)?.[0] ?? 0);
}
