import { generateKeyPairSync } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { jwtVerify } from 'jose';
import { expect, it } from 'vitest';
import { buildConnector } from '../../src/connector/connector.ts';
import { loadDefinition } from '../../src/connector/load.ts';
import { rehearse } from '../../src/execute/rehearse.ts';

it('a service account of Gmail gets its token with a JWT for the mailbox, and uses it', async () => {
  const file = fileURLToPath(new URL('../../connectors/gmail/connector.yaml', import.meta.url));
  const connector = buildConnector(await loadDefinition(file));
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const input = {
    client_email: 'robot@project.iam.gserviceaccount.com',
    // As it stands in the JSON file that Google gives.
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString().replaceAll('\n', '\\n'),
    private_key_id: 'key-1',
    subject: 'ada@example.com',
  };
  const json = { 'content-type': 'application/json' };
  const { requests, result } = await rehearse(
    connector,
    { entity: 'labels', action: 'list', args: {}, option: 'service_account', input },
    ({ url }) => {
      const body =
        url.host === 'oauth2.googleapis.com' ? { access_token: 'ya-token-1', expires_in: 3_599 } : { labels: [] };
      return { status: 200, headers: json, bytes: Buffer.from(JSON.stringify(body)), url };
    },
  );
  expect(result).not.toHaveProperty('error');
  expect(requests.map((it) => `${it.method} ${it.url.href}`)).toEqual([
    'POST https://oauth2.googleapis.com/token',
    'GET https://gmail.googleapis.com/gmail/v1/users/me/labels',
  ]);
  const { assertion = '', ...others } = Object.fromEntries(new URLSearchParams(String(requests[0]?.body)));
  // https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests
  expect(others).toEqual({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer' });
  const { payload, protectedHeader } = await jwtVerify(assertion, publicKey, {
    issuer: input.client_email,
    subject: input.subject,
    audience: 'https://oauth2.googleapis.com/token',
  });
  expect(protectedHeader).toMatchObject({ alg: 'RS256', kid: 'key-1' });
  expect(payload.scope).toBe('https://www.googleapis.com/auth/gmail.modify');
  expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(3_600);
  expect(requests[1]?.headers.authorization).toBe('Bearer ya-token-1');
});
