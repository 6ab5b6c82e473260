import type { AccessRule } from '../../crds/access.ts';
import type { MeshService } from '../../crds/mesh-service.ts';

/** Whom an installation lets call the services that do not say it themselves. */
export const DEFAULT_ACCESS = ['None', 'Mesh'] as const;
export type DefaultAccess = (typeof DEFAULT_ACCESS)[number];

const RULES: Record<DefaultAccess, AccessRule[]> = { None: [], Mesh: [{ from: '*' }] };

/** A list in spec.access stands, even an empty one. A missing one gets the default of the installation. */
export const withDefaultAccess = (meshService: MeshService, standard: DefaultAccess): MeshService =>
  meshService.spec.access === undefined
    ? { ...meshService, spec: { ...meshService.spec, access: RULES[standard] } }
    : meshService;
