import { type Served, serveHome } from '../serve.ts';
import { typedCredentials } from './accounts.ts';
import { type Api, apiAt } from './api.ts';
import { CALLS, type Call, FEW, SILENT } from './calls.ts';
import { linkAtMirror, linkAtSandbox, typeAt } from './linker.ts';
import { type Manner, secretText } from './mirror.ts';
import type { Place } from './place.ts';

/** A server of a team, and what the stories below share. */
export type Stage = Place & {
  readonly served: Served;
  readonly api: Api;
  /** Ends the server, and notes what it has printed. */
  stop(): Promise<void>;
  readonly user: { readonly identifier: string; readonly secret: string; readonly token: string; readonly id: string };
};

const HERE = '/integrations/connectors';

export async function openServer(place: Place): Promise<Stage> {
  const served = await serveHome({ ...place.home, env: place.env });
  const api = apiAt(served.url);
  const user = await served.user('ada');
  const { body } = await api('GET', '/me', { as: user.token });
  const stop = async () => {
    served.server.child.kill('SIGTERM');
    const { stdout, stderr } = await served.server.ended;
    place.ledger.say('stdout of tieline serve', stdout);
    place.ledger.say('stderr of tieline serve', stderr);
  };
  return { ...place, served, api, stop, user: { ...user, id: body.id } };
}

/** Users, tokens and keys: made, listed, tried in vain, and ended. */
export async function usersStory({ api, served, user, ledger }: Stage): Promise<void> {
  const as = served.clientKey;
  const wrong = ledger.plant('secret that is wrong', secretText('sk-user'));
  await api('POST', '/auth/token', { as, body: { identifier: 'ada', secret: wrong } });
  await api('POST', '/auth/token', { as, body: { identifier: 'nobody', secret: user.secret } });
  await api('POST', '/auth/token', { as, body: { identifier: 'ada', secret: 1, more: user.secret } });
  for (const path of [
    '/users',
    `/users/${user.id}`,
    '/client-keys',
    '/organization',
    '/me',
    '/connectors',
    '/nothing',
  ]) {
    await api('GET', `${path}?token=${user.token}&secret=${wrong}`, { as });
    await api('GET', `${path}?token=${user.token}&secret=${wrong}`, { as: user.token });
  }
  const { body: made } = await api('POST', '/tokens', { as: user.token, body: { name: 'laptop' } });
  await api('GET', '/tokens', { as: user.token });
  await api('GET', `/tokens/${made.token}`, { as: user.token });
  await api('DELETE', `/tokens/${made.id}`, { as: user.token });
  await api('GET', '/me', { as: made.token });
  const { body: grace } = await api('POST', '/users', { as, body: { identifier: 'grace' } });
  await api('POST', '/users', { as, body: { identifier: 'grace' } });
  await api('POST', '/auth/token', { as, body: { identifier: 'grace', secret: grace.secret } });
  await api('POST', `/users/${grace.id}/secret`, { as });
  await api('POST', '/auth/token', { as, body: { identifier: 'grace', secret: grace.secret } });
  await api('PATCH', `/users/${grace.id}`, { as, body: { disabled: true } });
  await api('DELETE', `/users/${grace.id}`, { as });
  const { body: key } = await api('POST', '/client-keys', { as, body: { name: 'second' } });
  await api('DELETE', `/client-keys/${key.id}`, { as });
}

/** Whoever fails too often is not even looked at any more: no more than twenty of these. */
export async function strangersStory({ api, served, user, ledger }: Stage): Promise<void> {
  const wrong = ledger.plant('secret that is wrong', secretText('sk-user'));
  const broken = ledger.plant('login token with another signature', `${user.token.slice(0, -20)}${'A'.repeat(20)}`);
  for (const as of [wrong, broken, `sk-client-${wrong}`, `pat-${wrong}`, user.secret]) {
    await api('GET', '/users', { as });
    await api('POST', '//mcp', { as, body: { jsonrpc: '2.0', id: 1, method: 'tools/list' } });
  }
  for (const headers of [{ 'x-api-key': wrong }, { authorization: wrong }, { cookie: `tieline_session=${wrong}` }]) {
    await api('GET', `/users?api_key=${served.clientKey}&access_token=${user.token}`, { headers });
  }
}

/** Accounts linked over REST in every way, with good and with wrong credentials; and all that the API does with them. */
export async function accountsStory({ api, served, ledger, mirror }: Stage): Promise<void> {
  const as = served.clientKey;
  const own = ledger.plant('OAuth client secret', secretText('own-client'));
  await api('PUT', '/connectors/mirror/app', { as, body: { clientId: 1, clientSecret: own } });
  await api('PUT', '/connectors/mirror/app', { as, body: { clientId: 'own', clientSecret: own, more: own } });
  await api('PUT', '/connectors/mirror/app', { as, body: { clientId: 'own', clientSecret: own } });
  await api('GET', '/connectors/mirror/app', { as });
  await api('DELETE', '/connectors/mirror/app', { as });
  for (const [option, { good, wrong }] of Object.entries(typedCredentials(ledger))) {
    const wanted = { customer_name: 'ada', connector_type: 'mirror', auth_option: option };
    if (wrong) {
      await api('POST', HERE, { as, body: { ...wanted, name: `${option}-wrong`, credentials: wrong } });
      await api('POST', HERE, { as, body: { ...wanted, name: option, credentials: { ...wrong, more: wrong } } });
      await api('POST', HERE, { as, body: { ...wanted, name: 5, credentials: [wrong] } });
    }
    const { status, body } = await api('POST', HERE, { as, body: { ...wanted, name: option, credentials: good } });
    if (status !== 201) throw new Error(`${option} was not linked: ${JSON.stringify(body)}`);
    const calls = option === 'bearer' ? [...CALLS, SILENT] : option === 'basic' ? CALLS : FEW;
    for (const it of calls) await callOver(api, as, body.id, it);
    await api('GET', `${HERE}/${body.id}`, { as });
    await api('POST', `${HERE}/${body.id}/test`, { as });
    await api('POST', `${HERE}/${body.id}/reconnect`, { as, body: { auth_option: option, credentials: wrong ?? {} } });
    await api('POST', `${HERE}/${body.id}/reconnect`, { as, body: { auth_option: option, credentials: good } });
    await api('PATCH', `${HERE}/${body.id}`, { as, body: { disabled: true } });
    await callOver(api, as, body.id, ['echo', {}]);
    await api('PATCH', `${HERE}/${body.id}`, { as, body: { disabled: false } });
  }
  await api('GET', HERE, { as });
  mirror.expire();
}

const callOver = (api: Api, as: string, id: string, [action, params]: Call) =>
  api('POST', `${HERE}/${id}/execute`, { as, body: { entity: 'things', action, params } });

const MANNERS: readonly Manner[] = ['error', 'page', 'broken_json', 'redirect', 'other_host', 'cut', 'refused'];

/** Links that a program asks for and a person opens; refreshes of the account, one after the other in every manner. */
export async function linksStory({ api, served, mirror, ledger, user }: Stage): Promise<void> {
  const as = served.clientKey;
  const initiate = async (more: object): Promise<{ consent_url: string; authorization_id: string }> => {
    const body = { customer_name: 'ada', connector_type: 'mirror', ...more };
    const made = await api('POST', `${HERE}/oauth/initiate`, { as, body });
    if (made.status !== 201) throw new Error(JSON.stringify(made.body));
    return made.body;
  };
  const typed = typedCredentials(ledger);
  for (const [option, { good, wrong }] of Object.entries(typed)) {
    if (option === 'host') continue;
    const link = await initiate({ name: `typed-${option}`, auth_option: option });
    await typeAt(link.consent_url, option, good, wrong);
    await api('GET', `/authorizations/${link.authorization_id}`, { as });
  }
  const given = { name: 'given', auth_option: 'basic', credentials: typed.basic?.wrong };
  await typeAt((await initiate(given)).consent_url, 'basic', {});
  await linkAtSandbox((await initiate({ connector_type: 'sandbox' })).consent_url, user);

  for (const manner of MANNERS) {
    mirror.plan(manner);
    await linkAtMirror((await initiate({ name: `failed-${manner}`, auth_option: 'oauth' })).consent_url, user);
  }
  await linkAtMirror((await initiate({ name: 'oauth', auth_option: 'oauth' })).consent_url, user);
  const { body } = await api('GET', `${HERE}?customer_name=ada&connector_type=mirror&limit=100`, { as });
  const { id } = body.data.find((it: { identifier: string }) => it.identifier === 'oauth'); // it has been linked
  for (const manner of ['well', 'error', 'well', 'broken_json'] as const) {
    mirror.plan(manner);
    mirror.expire();
    await callOver(api, as, id, ['echo', {}]);
    await api('GET', `${HERE}/${id}`, { as });
  }
  await linkAtMirror((await initiate({ reconnect: id, auth_option: 'oauth' })).consent_url, user);
  mirror.plan('refused');
  mirror.expire();
  await callOver(api, as, id, ['echo', {}]);
  await callOver(api, as, id, ['echo', {}]);
  await api('GET', `${HERE}/${id}`, { as });
  await linkAtMirror((await initiate({ reconnect: id, auth_option: 'oauth' })).consent_url, user);
  mirror.plan('error');
  await api('DELETE', `${HERE}/${id}`, { as });
}
