import { expect } from 'chai';
import { z } from 'zod';
import { refusalsOf } from '../../bridge/api/refusals.ts';
import { findRoute } from '../../bridge/api/route.ts';
import { ROUTES } from '../../bridge/handlers/routes.ts';

const refused = z.strictObject({ code: z.string(), message: z.string().min(1) });
/** The codes for a request without a route. */
const NO_ROUTE = new Map([
  [400, ['badHttp']],
  [404, ['notFound']],
  [405, ['methodNotAllowed']],
]);

/** Fails unless the OpenAPI document of the bridge allows the answer: both are made from the same routes. */
export function conforms(method: string, path: string, status: number, body: unknown): void {
  const what = `${method} ${path} -> ${status} ${JSON.stringify(body)}`;
  const { route } = findRoute(ROUTES, method, path.split('?')[0]!);
  if (status === 200 && route !== undefined) {
    if (route.answer === 'file') return;
    const { success, error } = route.answer.safeParse(body);
    expect(success, `${what}: ${error?.message}`).to.equal(true);
    return;
  }
  const { success, data } = refused.safeParse(body);
  expect(success, what).to.equal(true);
  const codes: string[] = (route === undefined ? NO_ROUTE : refusalsOf(route)).get(status) ?? [];
  expect(codes, `${what}: the document has no such refusal`).to.include(data!.code);
}
