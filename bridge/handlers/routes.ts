import { z } from 'zod';
import * as answers from '../../mesh/outside/bridge-answers.ts';
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
  problemsRequest,
  reachRequest,
  refusalsRequest,
  renewRequest,
  revokeRequest,
} from '../../mesh/outside/bridge-api.ts';
import { name, probeRequest } from '../../mesh/outside/bridge-shapes.ts';
import { adopt } from './adopt.ts';
import { beat } from './beat.ts';
import { brake } from './brake.ts';
import { doors } from './doors.ts';
import { deregister } from './deregister.ts';
import { instances } from './instances.ts';
import { invite } from './invite.ts';
import { join } from './join.ts';
import { leave } from './leave.ts';
import { names } from './names.ts';
import { probe } from './probe.ts';
import { problems } from './problems.ts';
import { reach } from './reach.ts';
import { refusals } from './refusals.ts';
import { register } from './register.ts';
import { renew } from './renew.ts';
import { revoke } from './revoke.ts';
import { vmFile } from './vm-file.ts';
import { openApi } from '../api/open-api.ts';
import { CONSUL, REFUSALS } from '../api/refusals.ts';
import { type Route, hostRoute, route } from '../api/route.ts';

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
  hostRoute('/v1/problems', 'host', { body: problemsRequest, answer: answers.nothing, refusals: [] }, problems),
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
