import * as oauth from 'oauth4webapi';
import { describe, expect, it } from 'vitest';
import { normaliseTokenResponse } from '../../src/auth/tokenresponse.ts';

const JSON_TYPE = 'application/json';
const FORM_TYPE = 'application/x-www-form-urlencoded; charset=utf-8';

function response(status: number, text: string, type = JSON_TYPE, headers: Record<string, string> = {}) {
  return normaliseTokenResponse({
    status,
    headers: { 'content-type': type, ...headers },
    bytes: Buffer.from(text, 'utf8'),
    url: new URL('https://provider.example/token'),
  });
}

const given = (body: object, status = 200) => response(status, JSON.stringify(body));
const TOKEN = { access_token: 'a', token_type: 'bearer' };

describe('an answer of a token endpoint', () => {
  it.each<[string, object, object]>([
    [
      'as it should be',
      { ...TOKEN, expires_in: 60, refresh_token: 'r', scope: 's' },
      { ...TOKEN, expires_in: 60, refresh_token: 'r', scope: 's' },
    ],
    ['with more than is known', { ...TOKEN, team: { id: 1 } }, { ...TOKEN, team: { id: 1 } }],
    ['without token_type', { access_token: 'a' }, TOKEN],
    ['with a token_type of its own', { access_token: 'a', token_type: 'bot' }, TOKEN],
    ['with nothing as null', { access_token: 'a', refresh_token: null, scope: null, expires_in: null }, TOKEN],
    ['with nothing as empty text', { access_token: 'a', refresh_token: '', scope: '', expires_in: '' }, TOKEN],
    ['with an ID token', { ...TOKEN, id_token: 'not.even.one' }, TOKEN],
    ['with scopes in a list', { ...TOKEN, scope: ['a', 'b'] }, { ...TOKEN, scope: 'a b' }],
    ['with an error that is none', { ...TOKEN, error: null }, TOKEN],
    [
      'with __proto__',
      JSON.parse('{"access_token":"a","__proto__":{"token_type":"x"}}'),
      JSON.parse('{"access_token":"a","token_type":"bearer","__proto__":{"token_type":"x"}}'),
    ],
  ])('%s', async (_, body, normal) => {
    expect(await given(body).json()).toEqual(normal);
  });

  it.each<[unknown, number | undefined]>([
    [3600, 3600],
    ['3600', 3600],
    ['3600.5', 3600.5],
    [0, undefined],
    [-1, undefined],
    ['-1', undefined],
    ['soon', undefined],
    [true, undefined],
    [[60], undefined],
    [{}, undefined],
    ['Infinity', 3_153_600_000],
    [1e300, 3_153_600_000],
  ])('expires_in %j lasts %s', async (expiresIn, seconds) => {
    const normal = await given({ ...TOKEN, expires_in: expiresIn }).json();
    expect(normal).toEqual(seconds === undefined ? TOKEN : { ...TOKEN, expires_in: seconds });
  });

  it.each([
    [
      'a token',
      'access_token=a%26b&scope=repo%2Cgist&token_type=bearer&expires_in=28800',
      200,
      { access_token: 'a&b', scope: 'repo,gist', token_type: 'bearer', expires_in: 28800 },
    ],
    [
      'an error',
      'error=bad_verification_code&error_description=no+good',
      400,
      { error: 'bad_verification_code', error_description: 'no good' },
    ],
    ['nothing', '', 200, {}],
  ])('form-encoded: %s', async (_, text, status, normal) => {
    for (const type of [FORM_TYPE, FORM_TYPE.toUpperCase()]) {
      const answer = response(200, text, type);
      expect(answer.status).toBe(status);
      expect(await answer.json()).toEqual(normal);
    }
  });

  it.each([
    ['an error with status 200', 200, { error: 'invalid_grant' }, 400],
    ['an error beside an empty token', 200, { error: 'invalid_grant', access_token: null }, 400],
    ['an error with a redirect', 302, { error: 'invalid_grant' }, 400],
    ['an error with status 401', 401, { error: 'invalid_client' }, 401],
    ['an error of the server', 503, { error: 'invalid_grant' }, 503],
    ['a token with 201', 201, TOKEN, 200],
    ['a token with 202', 202, TOKEN, 200],
    ['a redirect', 302, {}, 502],
    ['not modified', 304, {}, 502],
    ['an unknown status', 999, {}, 502],
  ])('%s', async (_, status, body, normal) => {
    expect(given(body, status).status).toBe(normal);
  });

  it.each([
    ['HTML', '<html>access_token=a</html>', 'text/html'],
    ['HTML that claims to be JSON', '<html></html>', JSON_TYPE],
    ['nothing', '', JSON_TYPE],
    ['cut JSON', '{"access_token":"a', JSON_TYPE],
    ['a list', '[{"access_token":"a"}]', JSON_TYPE],
    ['null', 'null', JSON_TYPE],
    ['text', '"a"', JSON_TYPE],
    ['a number', '7', JSON_TYPE],
  ])('holds no token when it is %s', async (_, text, type) => {
    expect(await response(200, text, type).json()).toEqual({});
  });

  it('has no body where there may be none', async () => {
    expect(await response(204, '').json()).toEqual({});
  });

  it('lets the library see the error that a challenge comes with', async () => {
    const answer = response(401, '{"error":"invalid_client"}', JSON_TYPE, { 'www-authenticate': 'Basic realm="x"' });
    const server = { issuer: 'https://provider.example' };
    await expect(oauth.processRefreshTokenResponse(server, { client_id: 'c' }, answer)).rejects.toMatchObject({
      error: 'invalid_client',
    });
  });
});
