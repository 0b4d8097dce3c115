import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { sandboxConnector } from '../execute/stage.ts';
import { type HttpStage, openHttpStage, type Tenant } from './stage.ts';

let sandbox: Sandbox;
let stage: HttpStage;
let acme: Tenant;
let rival: Tenant;
beforeAll(async () => {
  sandbox = await startSandbox();
  stage = await openHttpStage({ connectors: [await sandboxConnector()], app: { baseUrl: sandbox.url } });
  acme = await stage.tenant('acme');
  rival = await stage.tenant('rival');
});
afterAll(async () => {
  await stage.close();
  await sandbox.close();
});

/** Every route of the document that names something by an id, with a body that suits it. */
async function routesWithIds(): Promise<{ method: string; path: string }[]> {
  const { paths } = (await stage.request('GET', '/openapi.json')).body as { paths: Record<string, object> };
  return Object.entries(paths).flatMap(([path, methods]) =>
    path.includes('{id}') ? Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path })) : [],
  );
}

const BODIES: Readonly<Record<string, unknown>> = {
  '/api/v1/users/{id}': { disabled: true },
  '/api/v1/integrations/connectors/{id}': { identifier: 'stolen' },
  '/api/v1/integrations/connectors/{id}/reconnect': { credentials: { apiKey: 'sandbox_0123456789' } },
  '/api/v1/integrations/connectors/{id}/execute': { entity: 'profile', action: 'get' },
};

describe('what belongs to others', () => {
  it('answers exactly as what is not there, on every route with an id, and stays as it was', async () => {
    const user = await stage.user(acme, 'ada');
    const colleague = await stage.user(acme, 'bob');
    const stranger = await stage.user(rival, 'eve');
    const { body: made } = await stage.request('POST', '/integrations/connectors', {
      as: user.token,
      body: { connector_type: 'sandbox', credentials: { apiKey: sandbox.apiKey('ada') } },
    });
    const { body: key } = await stage.request('POST', '/client-keys', { as: acme, body: { name: 'k' } });
    const theirs = [user.id, made.id, key.id];
    const routes = await routesWithIds();
    expect(routes.length).toBeGreaterThan(9);
    for (const { method, path } of routes) {
      for (const as of [rival.key, stranger.token, colleague.token]) {
        const ask = async (id: string) => {
          const target = path.replace('/api/v1', '').replace('{id}', id);
          const body = method === 'GET' || method === 'DELETE' ? undefined : (BODIES[path] ?? {});
          const { status, body: answer } = await stage.request(method, target, { as, body });
          const { request_id, detail, ...rest } = answer ?? {};
          return { status, ...rest, detail: String(detail).replace(id, 'ID') };
        };
        for (const id of theirs) {
          const [found, unknown] = [await ask(id), await ask(`${id.slice(0, -4)}none`)];
          expect(found, `${method} ${path}`).toEqual(unknown);
          expect([403, 404], `${method} ${path}: ${JSON.stringify(found)}`).toContain(found.status);
        }
      }
    }
    const after = await stage.request('GET', `/integrations/connectors/${made.id}`, { as: user.token });
    expect(after.body).toEqual(made);
    expect((await stage.request('GET', `/users/${user.id}`, { as: acme })).body.status).toBe('active');
  });

  it('is not found by an organization that has a user of the same name', async () => {
    const mine = await stage.user(rival, 'ada');
    expect((await stage.request('GET', '/integrations/connectors', { as: mine.token })).body.data).toEqual([]);
    const acting = await stage.request('POST', '/connectors/sandbox/execute', {
      as: rival,
      body: { customer_name: 'ada', entity: 'profile', action: 'get' },
    });
    expect(acting).toMatchObject({ status: 409, body: { code: 'integration_required' } });
  });
});
