import { dump } from 'js-yaml';
import { shellLine } from '../../mesh/install-script.ts';

export const FORMATS = ['line', 'cloud-init', 'ansible'] as const;
export type Format = (typeof FORMATS)[number];

/** `command`: what the machine runs, as root. It holds a secret that is good once. */
export const written: Record<Format, (command: string[], service: string) => string> = {
  line: shellLine,

  /** User data of one machine. https://cloudinit.readthedocs.io/en/latest/reference/modules.html#runcmd */
  'cloud-init': (command, service) =>
    `#cloud-config
# Joins this machine to the mesh as ${service}, at its first boot.
${yaml({ runcmd: [command] })}`,

  /** A playbook for one machine: an invite lets one in. It changes nothing where the service has joined already. */
  ansible: (command, service) =>
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
          creates: `/etc/landbridge/services.d/${service}.yaml`,
        },
      },
    ],
  },
])}`,
};

/** Ansible takes `{{` for the beginning of a template. */
const asItIs = (text: string): string => (/\{[{%#]/.test(text) ? `{% raw %}${text}{% endraw %}` : text);

const yaml = (value: unknown): string => dump(value, { lineWidth: -1 });
