import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

export interface RunOptions {
  /** Added to the environment of this process; `undefined` removes a variable. */
  env?: Record<string, string | undefined>;
  /** Default: this process's. */
  cwd?: string;
  /** Written to the command's standard input, which is closed after it. Default: no input. */
  input?: string | Buffer;
  /** After this the command gets SIGTERM, and SIGKILL five seconds later. Default: no limit. */
  timeoutMs?: number;
  /** Path of a network namespace the command runs in. Default: this process's. */
  netns?: string;
  /** Stops the command with SIGTERM. */
  signal?: AbortSignal;
  /** Called with each line of standard error as it comes; for progress. */
  onStderrLine?: (line: string) => void;
}

export interface RunResult {
  stdout: string;
  stderr: string;
  /** Exit code; 128 + 15 and the like when a signal ended it. */
  code: number;
}

/** A command did not end with 0. The message holds the command line and the end of what it said. */
export class CommandFailed extends Error {
  readonly commandLine: string;
  readonly result: RunResult;
  constructor(commandLine: string, result: RunResult, why: string) {
    const said = tail(result.stderr.trim() || result.stdout.trim(), 20);
    super(`${commandLine}: ${why}${said === '' ? '' : `\n${said}`}`);
    this.name = 'CommandFailed';
    this.commandLine = commandLine;
    this.result = result;
  }
}

/** Runs to the end and gives what it wrote. Throws CommandFailed unless it exits with 0. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { result, why } = await runToEnd(command, args, options);
  if (result.code !== 0) throw new CommandFailed(commandLine(command, args), result, why);
  return result;
}

/** As `run`, and gives standard output without white space at its ends. */
export async function output(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  return (await run(command, args, options)).stdout.trim();
}

/** As `run`, but any exit code is an answer. A command that is not installed answers 127. */
export async function attempt(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return (await runToEnd(command, args, options)).result;
}

/**
 * Starts a process that outlives this one: own session, no input, all it writes appended to `logFile`.
 * The caller keeps its pid.
 */
export function launch(
  command: string,
  args: readonly string[],
  options: Pick<RunOptions, 'env' | 'cwd' | 'netns'> & { logFile: string },
): ChildProcess {
  const log = openSync(options.logFile, 'a');
  try {
    const [file, argv] = inNetns(options.netns, command, args);
    const child = spawn(file, argv, {
      detached: true,
      stdio: ['ignore', log, log],
      env: environment(options.env),
      cwd: options.cwd,
    });
    child.unref();
    return child;
  } finally {
    closeSync(log);
  }
}

/**
 * The command line that runs `command` in a network namespace. `nsenter` and not `ip netns exec`: that one
 * mounts /sys anew, which hides the cgroups from whatever runs in it.
 */
export function inNetns(netns: string | undefined, command: string, args: readonly string[]): [string, string[]] {
  return netns === undefined ? [command, [...args]] : ['nsenter', [`--net=${netns}`, command, ...args]];
}

/** A command line as one would type it. */
export function commandLine(command: string, args: readonly string[]): string {
  const quote = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);
  const line = [command, ...args].map(quote).join(' ');
  return line.length > 400 ? `${line.slice(0, 400)}...` : line;
}

/** The last `lines` lines of a text. */
export function tail(text: string, lines: number): string {
  return text.split('\n').slice(-lines).join('\n');
}

function environment(changes: RunOptions['env'] = {}): NodeJS.ProcessEnv {
  return { ...process.env, ...changes };
}

function runToEnd(
  command: string,
  args: readonly string[],
  options: RunOptions,
): Promise<{ result: RunResult; why: string }> {
  return new Promise((resolve) => {
    const [file, argv] = inNetns(options.netns, command, args);
    const child = spawn(file, argv, {
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      env: environment(options.env),
      cwd: options.cwd,
      signal: options.signal,
    });
    let late = false;
    let kill: NodeJS.Timeout | undefined;
    const limit =
      options.timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            late = true;
            child.kill('SIGTERM');
            kill = setTimeout(() => child.kill('SIGKILL'), 5000);
          }, options.timeoutMs);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let rest = '';
    child.stdout?.on('data', (data: Buffer) => stdout.push(data));
    child.stderr?.on('data', (data: Buffer) => {
      stderr.push(data);
      if (options.onStderrLine === undefined) return;
      const lines = (rest + data.toString()).split('\n');
      rest = lines.pop() ?? '';
      lines.forEach(options.onStderrLine);
    });
    // A command that ends before it has read its input closes the pipe: its exit code tells why.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input);
    const end = (code: number, why: string): void => {
      clearTimeout(limit);
      clearTimeout(kill);
      const text = (parts: Buffer[]): string => Buffer.concat(parts).toString();
      resolve({ result: { stdout: text(stdout), stderr: text(stderr), code }, why });
    };
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') end(127, `${file} is not installed`);
      else if (child.pid === undefined) end(126, error.message);
    });
    child.on('close', (code, signal) => {
      if (late) end(124, `stopped after ${options.timeoutMs} ms`);
      else if (signal !== null) end(128, `ended by ${signal}`);
      else end(code ?? 1, `exit code ${code}`);
    });
  });
}
