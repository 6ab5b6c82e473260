import { ApiObject, Chart } from 'cdk8s';
import type { Construct } from 'constructs';
import { meshServiceCrd } from '../crds/custom-resource-definition.ts';
import { addBootstrap } from './bootstrap.ts';
import { addBridge } from './bridge.ts';
import { addConsul } from './consul.ts';
import { addNamespace } from './namespace.ts';
import { addOperatorRbac } from './operator-rbac.ts';
import { addOperator } from './operator.ts';
import type { Values } from './values.ts';
import { addWebhook } from './webhook.ts';

/**
 * An installation of Landbridge. Nothing waits for an order at apply: a pod whose Secret is not there yet is started as
 * soon as the bootstrap job made it. The job comes early in the output, so that this takes little time.
 */
export class LandbridgeChart extends Chart {
  constructor(scope: Construct, id: string, values: Values) {
    super(scope, id, { disableResourceNameHashes: true });
    addNamespace(this);
    new ApiObject(this, 'mesh-service-crd', meshServiceCrd());
    addBootstrap(this, values);
    addConsul(this, values);
    addOperatorRbac(this);
    addOperator(this, values);
    if (values.bridge.enabled) addBridge(this, values);
    // Last, so that in a new cluster it refuses pods for as short a time as can be.
    addWebhook(this);
  }
}
