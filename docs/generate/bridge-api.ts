import { openApi } from '../../bridge/api/open-api.ts';
import { ROUTES } from '../../bridge/handlers/routes.ts';

/** docs/bridge-api.json: the OpenAPI document that a bridge serves at /v1/openapi.json. */
export const bridgeApi = (): string => `${JSON.stringify(openApi(ROUTES), undefined, 2)}\n`;
