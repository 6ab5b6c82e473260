import { z } from 'zod';
import * as answers from '../mesh/bridge-answers.ts';
import {
  adoptRequest,
  beatRequest,
  brakeRequest,
  deregisterQuery,
  doorsRequest,
  externalRequest,
  instancesQuery,
  inviteRequest,
  joinRequest,
  leaveRequest,
  namesRequest,
  reachRequest,
  refusalsRequest,
  renewRequest,
  revokeRequest,
} from '../mesh/bridge-api.ts';
import { name, probeRequest } from '../mesh/bridge-shapes.ts';
import { adopt } from './handlers/adopt.ts';
import { beat } from './handlers/beat.ts';
import { brake } from './handlers/brake.ts';
import { doors } from './handlers/doors.ts';
import { deregister } from './handlers/deregister.ts';
import { instances } from './handlers/instances.ts';
import { invite } from './handlers/invite.ts';
import { join } from './handlers/join.ts';
import { leave } from './handlers/leave.ts';
import { names } from './handlers/names.ts';
import { probe } from './handlers/probe.ts';
import { reach } from './handlers/reach.ts';
import { refusals } from './handlers/refusals.ts';
import { register } from './handlers/register.ts';
import { renew } from './handlers/renew.ts';
import { revoke } from './handlers/revoke.ts';
import { vmFile } from './handlers/vm-file.ts';
import { openApi } from './open-api.ts';
import { CONSUL, REFUSALS } from './refusals.ts';
import { type Route, hostRoute, route } from './route.ts';

export const ROUTES: Route[] = [
  route('POST', '/v1/join', 'anyone', { body: joinRequest, answer: answers.joinAnswer, refusals: REFUSALS.join }, join),
  hostRoute('/v1/renew', 'host+', { body: renewRequest, answer: answers.renewAnswer, refusals: REFUSALS.renew }, renew),
  hostRoute('/v1/beat', 'host', { body: beatRequest, answer: answers.beatAnswer, refusals: REFUSALS.beat }, beat),
  hostRoute('/v1/leave', 'host', { body: leaveRequest, answer: answers.leaveAnswer, refusals: REFUSALS.leave }, leave),
  hostRoute('/v1/reach', 'host', { body: reachRequest, answer: answers.reachAnswer, refusals: ['tooMany'] }, reach),
  hostRoute('/v1/probe', 'host', { body: probeRequest, answer: answers.probeAnswer, refusals: CONSUL }, probe),
  hostRoute(
    '/v1/refusals',
    'host',
    { body: refusalsRequest, answer: answers.nothing, refusals: ['changedMeanwhile', ...CONSUL] },
    refusals,
  ),
  hostRoute('/v1/doors', 'host', { body: doorsRequest, answer: answers.nothing, refusals: [] }, doors),
  route(
    'POST',
    '/v1/names',
    'member',
    { body: namesRequest, answer: answers.namesAnswer, refusals: REFUSALS.names },
    names,
  ),
  route(
    'POST',
    '/v1/invites',
    'admin',
    { body: inviteRequest, answer: answers.inviteAnswer, refusals: REFUSALS.invite },
    invite,
  ),
  route(
    'GET',
    '/v1/instances',
    'admin',
    { query: instancesQuery, answer: answers.instancesAnswer, refusals: CONSUL },
    instances,
  ),
  route(
    'PUT',
    '/v1/external/:name',
    'admin',
    { name, body: externalRequest, answer: answers.registerAnswer, refusals: REFUSALS.register },
    register,
  ),
  route(
    'DELETE',
    '/v1/external/:name',
    'admin',
    { name, query: deregisterQuery, answer: answers.deregisterAnswer, refusals: ['notFound', ...CONSUL] },
    deregister,
  ),
  route(
    'POST',
    '/v1/adopt',
    'admin',
    { body: adoptRequest, answer: answers.adoptAnswer, refusals: REFUSALS.adopt },
    adopt,
  ),
  route(
    'POST',
    '/v1/revoke',
    'admin',
    { body: revokeRequest, answer: answers.revokeAnswer, refusals: ['notFound', 'changedMeanwhile', ...CONSUL] },
    revoke,
  ),
  route(
    'POST',
    '/v1/brake',
    'admin',
    { body: brakeRequest, answer: answers.brakeAnswer, refusals: ['notFound'] },
    brake,
  ),
  route(
    'GET',
    '/v1/vm/:name',
    'anyone',
    { name: z.string(), answer: 'file', refusals: ['notFound', 'tooMany'] },
    vmFile,
  ),
  route('GET', '/v1/openapi.json', 'anyone', { answer: z.looseObject({}), refusals: [] }, () =>
    Promise.resolve(openApi(ROUTES)),
  ),
];
