import { k8s } from 'cdk8s-plus-27';
import { EDGE_SERVICE } from '../crds/expose.ts';
import { NAMESPACE } from '../mesh/installation/installation.ts';
import { addGatewayDeployment } from './gateway-deployment.ts';
import { labels, selectorLabels } from './labels.ts';
import { equal, ifGiven, type Parts, when } from './template/expression.ts';
import type { Target } from './template/target.ts';
import { values } from './values/tree.ts';

const { edge } = values;

/** The edge gateway serves what MeshServices expose. */
export function addEdge(target: Target): void {
  const nodePort = (port: typeof edge.httpNodePort) => when<number>(equal(edge.exposure, 'NodePort'), port);
  const port = (name: string, number: number, onNodes: typeof edge.httpNodePort): Parts<k8s.ServicePort> => ({
    name,
    port: number,
    targetPort: k8s.IntOrString.fromString(name),
    nodePort: nodePort(onNodes),
  });
  target.add(k8s.KubeService, 'edge-service', {
    metadata: {
      name: EDGE_SERVICE,
      namespace: NAMESPACE,
      labels: labels('edge'),
      annotations: ifGiven(edge.serviceAnnotations),
    },
    spec: {
      type: edge.exposure,
      selector: selectorLabels('edge'),
      ports: [port('http', 80, edge.httpNodePort), port('https', 443, edge.httpsNodePort)],
    },
  });
  addGatewayDeployment(target, {
    component: 'edge',
    service: EDGE_SERVICE,
    // All pods ask in one name: nobody in the mesh calls them.
    node: EDGE_SERVICE,
    values: edge,
    ports: [
      // The numbers that clients see: Consul matches a host with the port of its listener, or with none.
      { name: 'http', containerPort: edge.httpNodePort },
      { name: 'https', containerPort: edge.httpsNodePort },
    ],
  });
}
