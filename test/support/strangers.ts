import type { RunningLab } from '../../lab/running.ts';
import { vmExec } from '../../lab/vm/exec.ts';
import type { Vm } from '../../lab/vm/vm.ts';
import { podSpec } from './kube/pods.ts';

/** One connection that is made past the mesh. */
export interface Knock {
  /** The caller, as a failure names it. */
  from: string;
  /** `ADDRESS:PORT`. */
  to: string;
  /** `through`: a connection was made; else how it was turned away. */
  outcome: string;
}

/** Where the connections come from. */
export interface Place {
  /** Its own address, and so the one of all apps that it may reach. */
  address?: string;
  /** The node whose network it shares. No policy refuses a node the pods that run on it. */
  sharesNode?: string;
}

/** Somebody who can make plain connections. */
export interface Stranger {
  name: string;
  place: Place;
  /** Makes one connection to each, all at the same time. */
  knock(targets: readonly string[]): Promise<Knock[]>;
}

/** How long nobody answers until that counts as turned away. */
const SILENT_MS = 3000;

/** For Node: one connection to each `ADDRESS:PORT` of its arguments; prints a list of outcomes as JSON. */
const PROGRAM = `
const { connect } = require('node:net');
const knock = (target) => new Promise((resolve) => {
  const at = target.lastIndexOf(':');
  const socket = connect({ host: target.slice(0, at), port: Number(target.slice(at + 1)) });
  const end = (outcome) => { socket.destroy(); resolve(outcome); };
  socket.setTimeout(${SILENT_MS}, () => end('silence'));
  socket.on('connect', () => end('through'));
  socket.on('error', (error) => end(error.code || String(error)));
});
Promise.all(process.argv.slice(1).map(knock)).then((all) => console.log(JSON.stringify(all)));
`;

/** The sample's image that has Node. */
const IMAGE = 'landbridge-sample/frontend:dev';

/** Makes connections by `run`, which gives the standard output of Node with these arguments. */
function stranger(name: string, run: (args: string[]) => Promise<string>, place: Place = {}): Stranger {
  return {
    name,
    place,
    async knock(targets) {
      const outcomes = JSON.parse(await run(['-e', PROGRAM, '--', ...targets])) as string[];
      return targets.map((to, index) => ({ from: name, to, outcome: outcomes[index] ?? 'no outcome' }));
    },
  };
}

/** The container of an app in a pod. */
export const inContainer = (
  { cluster }: RunningLab,
  name: string,
  pod: { namespace: string; name: string; container: string },
  place: Place = {},
): Stranger =>
  stranger(
    name,
    (args) =>
      cluster.kubectl(
        ['exec', '-n', pod.namespace, pod.name, '-c', pod.container, '--', '/usr/local/bin/node', ...args],
        { timeoutMs: 60_000 },
      ),
    place,
  );

/** A machine outside the cluster. */
export const onVm = (vm: Vm): Stranger =>
  stranger(
    vm.name,
    async (args) => (await vmExec(vm, ['/usr/local/bin/node', ...args], { timeoutMs: 60_000 })).stdout,
    { address: vm.address },
  );

/** A pod from which a test makes calls, on a node of choice. It stays outside the mesh, whatever its namespace. */
export const strangerPod = (name: string, namespace: string, node: string, hostNetwork = false) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, labels: { app: name, 'landbridge.dev/inject': 'false' } },
  spec: { ...podSpec([], [], IMAGE), nodeName: node, hostNetwork },
});

/** Calls that were not turned away, as lines that say who reached what. */
export const gotThrough = (knocks: readonly Knock[]): string[] =>
  knocks.filter(({ outcome }) => outcome === 'through').map(({ from, to }) => `${from} reached ${to}`);
