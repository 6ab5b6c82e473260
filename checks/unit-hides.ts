import { readFile } from 'node:fs/promises';

/** The parts of a machine that a unit hides from the agent, and so from its checks. */
export interface Hidden {
  /** ProtectHome: /home, /root and /run/user are empty, and nobody may enter. */
  home: boolean;
  /** PrivateTmp: /tmp and /var/tmp are its own. */
  tmp: boolean;
  /** NoNewPrivileges: no program becomes another user. */
  privileges: boolean;
}

/** Reads it from /proc/self/mountinfo (proc(5)) and /proc/self/status. */
export function hiddenIn(mountinfo: string, status: string): Hidden {
  const mounts = mountinfo.split('\n').map((line) => line.split(' '));
  const isMounted = (at: string[], root: RegExp): boolean =>
    mounts.some(([, , , from = '', to = '']) => at.includes(to) && root.test(from));
  return {
    home: isMounted(['/home', '/root', '/run/user'], /systemd\/inaccessible/),
    tmp: isMounted(['/tmp', '/var/tmp'], /systemd-private-/),
    privileges: /^NoNewPrivs:\s*1$/m.test(status),
  };
}

const IN_HOME = /(^|[\s"'=:(])\/(home|root|run\/user)(\/|$)/;
const IN_TMP = /(^|[\s"'=:(])\/(var\/)?tmp\//;
const OTHER_USER = /(^|[\s"'/;&|(])(sudo|su|doas|runuser|pkexec)(\s|$)/;

/** The likely cause of a failed check, when its command or its output speaks of something that is hidden from it. */
export function causeOf(words: string[], output: string, hidden: Hidden): string | undefined {
  const command = words.join(' ');
  const said = `${command} ${output}`;
  if (hidden.home && IN_HOME.test(said))
    return "the agent's unit hides /home, /root and /run/user from it (ProtectHome): put the file elsewhere, for example in /usr/local/lib, or add a drop-in to the unit (docs/vms.md)";
  if (hidden.privileges && OTHER_USER.test(command))
    return "the agent's unit lets no program become another user (NoNewPrivileges): check without sudo, or add a drop-in to the unit (docs/vms.md)";
  if (hidden.tmp && IN_TMP.test(said))
    return "the agent's unit has a /tmp of its own (PrivateTmp), so the files of others there are not seen: put the file elsewhere, for example in /run, or add a drop-in to the unit (docs/vms.md)";
  return undefined;
}

/** causeOf, for this process. */
export async function unitHides(words: string[], output: string): Promise<string | undefined> {
  const [mountinfo, status] = await Promise.all(
    ['/proc/self/mountinfo', '/proc/self/status'].map((file) => readFile(file, 'utf8').catch(() => '')),
  );
  return causeOf(words, output, hiddenIn(mountinfo!, status!));
}
