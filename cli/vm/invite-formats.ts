import { dump } from 'js-yaml';
import { shellLine } from '../../mesh/outside/install-script.ts';

export const FORMATS = ['line', 'cloud-init', 'ansible'] as const;
export type Format = (typeof FORMATS)[number];

/**
 * `command` runs on the machine as root and reads the invite, a secret that is good once, from its standard input. Every
 * user of the machine can read the arguments of a process, and could join with the invite first.
 */
export const written: Record<Format, (command: string[], service: string, invite: string) => string> = {
  line: (command, _service, invite) => piped(command, invite),

  /** User data of one machine. https://cloudinit.readthedocs.io/en/latest/reference/modules.html#runcmd */
  'cloud-init': (command, service, invite) =>
    `#cloud-config
# Joins this machine to the mesh as ${service}, at its first boot.
${yaml({ runcmd: [piped(command, invite)] })}`,

  /** A playbook for one machine: an invite lets one in. It changes nothing where the service has joined already. */
  ansible: (command, service, invite) =>
    `# Joins one machine to the mesh as ${service}:  ansible-playbook FILE --limit MACHINE
${yaml([
  {
    name: `Join a machine to the mesh as ${service}`,
    hosts: 'all',
    become: true,
    gather_facts: false,
    pre_tasks: [
      {
        name: 'An invite lets one machine in',
        'ansible.builtin.assert': {
          that: ['ansible_play_hosts_all | length == 1'],
          fail_msg: 'this invite is for one machine: name it with --limit, and make an invite for each other one',
        },
      },
    ],
    tasks: [
      {
        name: 'Install the agent and join',
        // Not `command`: that one replaces $VARIABLES of the controller in its arguments.
        'ansible.builtin.shell': {
          cmd: asItIs(shellLine(command)),
          stdin: invite,
          creates: `/etc/landbridge/services.d/${service}.yaml`,
        },
      },
    ],
  },
])}`,
};

/** `echo` is a part of every shell, so no process has the invite among its arguments. */
const piped = (command: string[], invite: string): string => `echo ${invite} | ${shellLine(command)}`;

/** Ansible takes `{{` for the beginning of a template. */
const asItIs = (text: string): string => (/\{[{%#]/.test(text) ? `{% raw %}${text}{% endraw %}` : text);

const yaml = (value: unknown): string => dump(value, { lineWidth: -1 });
