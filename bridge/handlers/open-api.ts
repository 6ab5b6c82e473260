import { openApi } from '../open-api.ts';

/** GET /v1/openapi.json. */
export const describeApi = (): Promise<object> => Promise.resolve(openApi());
