import { startSample } from '../../test/support/rigs/sample-process.ts';
import { freePorts } from '../../test/support/real/consul-ports.ts';
import { startTrafficRig } from '../../test/support/rigs/traffic-rig.ts';
import { startConnectSidecars } from './connect-envoy.ts';
import type { Link } from './link.ts';

/** edge -> api-gateway -> frontend -> add-svc and sub-svc, as processes on loopback. */
export interface Chain {
  name: string;
  url: string;
  stop(): Promise<void>;
}

/** The proxies between the apps. They are given one after the other, callees first. */
interface Between {
  /** The calls of each app, known before any app starts. */
  declare(callers: Record<string, string>): Promise<void>;
  sidecar(link: Link): Promise<unknown>;
  stop(): Promise<void>;
}

/** Callee: its caller. */
const CALLERS = { 'api-gateway': 'edge', frontend: 'api-gateway', 'add-svc': 'frontend', 'sub-svc': 'frontend' };
/** edge -> api-gateway -> frontend -> add-svc, frontend -> sub-svc: with a mesh each passes two Envoys. */
export const HOPS = 4;

export async function plainChain(): Promise<Chain> {
  const [add, sub] = [await startSample('add-svc'), await startSample('sub-svc')];
  const frontend = await startSample('frontend', { ADD_SVC_ADDR: add.url, SUB_SVC_ADDR: sub.url });
  const gateway = await startSample('api-gateway', { FRONTEND_ADDR: frontend.url });
  const edge = await startSample('edge', { API_GATEWAY: `127.0.0.1:${gateway.port}` });
  return { name: 'no mesh', url: edge.url, stop: async () => undefined };
}

/** Envoys as the agent and the injector start them, with the entries that a MeshService becomes. */
export async function landbridgeChain(): Promise<Chain> {
  const rig = await startTrafficRig();
  return meshChain('Landbridge', {
    async declare(callers) {
      await rig.declare('edge', { protocol: 'http' });
      for (const [callee, caller] of Object.entries(callers))
        await rig.declare(callee, { protocol: 'http', access: [{ from: caller }] });
    },
    sidecar: ({ service, appPort, upstreams }) => rig.member(service, 'vm', upstreams, { appPort, accessLog: 'none' }),
    stop: () => rig.stop(),
  });
}

/** Envoys as `consul connect envoy` starts them, with service-defaults and intentions and nothing else. */
export async function connectChain(): Promise<Chain> {
  return meshChain('consul connect envoy', await startConnectSidecars());
}

async function meshChain(name: string, between: Between): Promise<Chain> {
  try {
    await between.declare(CALLERS);
    const at = (port: number): string => `http://127.0.0.1:${port}`;
    const [toAdd = 0, toSub = 0, toFrontend = 0, toGateway = 0] = await freePorts(4);
    const [add, sub] = [await startSample('add-svc'), await startSample('sub-svc')];
    await between.sidecar({ service: 'add-svc', appPort: add.port, upstreams: [] });
    await between.sidecar({ service: 'sub-svc', appPort: sub.port, upstreams: [] });
    const frontend = await startSample('frontend', { ADD_SVC_ADDR: at(toAdd), SUB_SVC_ADDR: at(toSub) });
    const ofFrontend = [
      { service: 'add-svc', localPort: toAdd },
      { service: 'sub-svc', localPort: toSub },
    ];
    await between.sidecar({ service: 'frontend', appPort: frontend.port, upstreams: ofFrontend });
    const gateway = await startSample('api-gateway', { FRONTEND_ADDR: at(toFrontend) });
    const ofGateway = [{ service: 'frontend', localPort: toFrontend }];
    await between.sidecar({ service: 'api-gateway', appPort: gateway.port, upstreams: ofGateway });
    const edge = await startSample('edge', { API_GATEWAY: `127.0.0.1:${toGateway}` });
    const ofEdge = [{ service: 'api-gateway', localPort: toGateway }];
    await between.sidecar({ service: 'edge', appPort: edge.port, upstreams: ofEdge });
    return { name, url: edge.url, stop: () => between.stop() };
  } catch (error) {
    await between.stop();
    throw error;
  }
}
