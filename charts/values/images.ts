import { z } from 'zod';
import { VERSION_OF_PRODUCT } from '../../mesh/installation/version.ts';

/** Stock Envoy of the version that the suites prove. */
export const ENVOY_IMAGE = 'envoyproxy/envoy:v1.40.0';

const image = (image: string, what: string) => z.string().min(1).default(image).describe(what);
export const images = z
  .strictObject({
    registry: z
      .string()
      .default('')
      .describe('Put before the four names below, such as registry.example/mirror. Empty: as they are.'),
    landbridge: image(`landbridge/landbridge:${VERSION_OF_PRODUCT}`, 'Operator and bootstrap job.'),
    bridge: image(
      `landbridge/bridge:${VERSION_OF_PRODUCT}`,
      'The bridge: the same, and Envoy for machines that join; images.landbridge does when it need serve none.',
    ),
    envoy: image(ENVOY_IMAGE, 'The sidecar; Envoy at /usr/local/bin/envoy.'),
    consul: image('hashicorp/consul:1.22.6', 'The Consul server; `consul` on the PATH.'),
  })
  .prefault({});
