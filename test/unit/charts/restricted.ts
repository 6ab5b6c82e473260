/**
 * The violations of the Pod Security Standard `restricted` in a pod's spec, by the table of the standard:
 * https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
 */
interface Security {
  allowPrivilegeEscalation?: boolean;
  privileged?: boolean;
  runAsNonRoot?: boolean;
  runAsUser?: number;
  procMount?: string;
  capabilities?: { add?: string[]; drop?: string[] };
  seccompProfile?: { type?: string };
  seLinuxOptions?: object;
  appArmorProfile?: { type?: string };
  sysctls?: object[];
}
interface Container {
  name: string;
  ports?: { hostPort?: number }[];
  securityContext?: Security;
}
export interface PodSpec {
  hostNetwork?: boolean;
  hostPID?: boolean;
  hostIPC?: boolean;
  securityContext?: Security;
  initContainers?: Container[];
  containers: Container[];
  volumes?: Record<string, unknown>[];
}

const ALLOWED_VOLUMES =
  'configMap csi downwardAPI emptyDir ephemeral persistentVolumeClaim projected secret name'.split(' ');
const SECCOMP = ['RuntimeDefault', 'Localhost'];

export function violations(pod: PodSpec): string[] {
  const found: string[] = [];
  const must = (holds: boolean, what: string) => void (holds || found.push(what));
  const common = (at: string, security: Security) => {
    must(security.runAsUser !== 0, `${at} runs as root`);
    must(security.seLinuxOptions === undefined, `${at} sets SELinux options`);
    must(['RuntimeDefault', 'Localhost', undefined].includes(security.appArmorProfile?.type), `${at} drops AppArmor`);
    must([...SECCOMP, undefined].includes(security.seccompProfile?.type), `${at} drops seccomp`);
  };
  const podSecurity = pod.securityContext ?? {};
  must(!pod.hostNetwork && !pod.hostPID && !pod.hostIPC, 'the pod uses a namespace of the host');
  must((podSecurity.sysctls ?? []).length === 0, 'the pod sets sysctls');
  common('the pod', podSecurity);
  for (const volume of pod.volumes ?? []) {
    for (const type of Object.keys(volume)) must(ALLOWED_VOLUMES.includes(type), `volume ${volume['name']} is ${type}`);
  }
  for (const { name, ports, securityContext = {} } of [...(pod.initContainers ?? []), ...pod.containers]) {
    common(name, securityContext);
    must(!securityContext.privileged, `${name} is privileged`);
    must(securityContext.allowPrivilegeEscalation === false, `${name} may escalate`);
    must([undefined, 'Default'].includes(securityContext.procMount), `${name} unmasks /proc`);
    must(securityContext.runAsNonRoot ?? podSecurity.runAsNonRoot ?? false, `${name} may run as root`);
    must(
      SECCOMP.includes((securityContext.seccompProfile ?? podSecurity.seccompProfile)?.type ?? ''),
      `${name}: seccomp`,
    );
    must(securityContext.capabilities?.drop?.includes('ALL') ?? false, `${name} keeps capabilities`);
    must(
      (securityContext.capabilities?.add ?? []).every((added) => added === 'NET_BIND_SERVICE'),
      `${name} adds capabilities`,
    );
    must(!ports?.some(({ hostPort }) => hostPort !== undefined && hostPort !== 0), `${name} takes a port of the host`);
  }
  return found;
}
