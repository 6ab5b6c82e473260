import { GATEWAY_SERVICE } from '../crds/gateway.ts';
import { GATEWAY_PORT } from '../mesh/installation/installation.ts';
import { addGatewayDeployment } from './gateway-deployment.ts';
import type { Target } from './template/target.ts';
import { values } from './values/tree.ts';

/** The terminating gateway. No Service: sidecars find its pods in Consul, and their addresses serve machines as well. */
export const addGateway = (target: Target): void =>
  addGatewayDeployment(target, {
    component: 'gateway',
    service: GATEWAY_SERVICE,
    node: '$(POD_NAME)',
    values: values.gateway,
    ports: [{ name: 'mesh', containerPort: GATEWAY_PORT }],
  });
