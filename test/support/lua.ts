import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensureCachedFolder } from '../../lab/images/cached-folder.ts';
import { unpackPackages } from '../../lab/images/packages.ts';
import { silent } from '../../lab/progress/progress.ts';

const exec = promisify(execFile);

/**
 * Runs a Lua script as Argo CD does: `obj` is the object, and its result is the answer. Debian's Lua 5.1, which is the
 * language of the interpreter in Argo CD.
 */
export async function runHealthScript(script: string, obj: object): Promise<{ status: string; message: string }> {
  const root = await ensureCachedFolder(
    {
      name: 'lua',
      from: ['lua5.1', 'layout 1'],
      doing: 'unpacking Lua',
      fill: (folder, task) => unpackPackages('extract', ['lua5.1'], join(folder, 'root'), task),
    },
    silent,
  );
  const print = 'io.write(answer.status, "\\n", answer.message)';
  const program = `obj = ${literal(obj)}\nlocal answer = (function()\n${script}\nend)()\n${print}\n`;
  const libraries = ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu'].map((path) => join(root, 'root', path));
  const env = { LD_LIBRARY_PATH: libraries.join(':') };
  const file = join(root, `health-${process.pid}.lua`);
  await writeFile(file, program);
  const { stdout } = await exec(join(root, 'root/usr/bin/lua5.1'), [file], { env });
  const [status = '', ...message] = stdout.split('\n');
  return { status, message: message.join('\n') };
}

/** A JSON value as Lua writes it. */
function literal(value: unknown): string {
  if (Array.isArray(value)) return `{${value.map(literal).join(', ')}}`;
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value)
      .map(([key, one]) => `[${JSON.stringify(key)}] = ${literal(one)}`)
      .join(', ')}}`;
  return value === null || value === undefined ? 'nil' : JSON.stringify(value);
}
