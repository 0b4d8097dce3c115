/**
 * A process that asks for a fresh credential once. Prints each step of the refresh and what came of it as lines of JSON;
 * at the step `at` it sends itself `signal`. Its argument is JSON: `{ home, store, key, url, clientId, clientSecret,
 * leaseMs?, at?, signal? }`. Runs what was built.
 */
import { subscribe } from 'node:diagnostics_channel';
import { writeSync } from 'node:fs';
import { freshCredential } from '../../dist/auth/fresh.js';
import { isTielineError, TielineError } from '../../dist/errors.js';
import { openKeystore } from '../../dist/keystore/keystore.js';

const { home, store, key, url, clientId, clientSecret, leaseMs, at, signal } = JSON.parse(process.argv[2]);
const say = (what) => writeSync(1, `${JSON.stringify(what)}\n`);

subscribe('tieline.refresh', ({ step }) => {
  say({ step });
  if (step === at) process.kill(process.pid, signal);
});

async function renew({ values }) {
  const body = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: values.refreshToken,
    client_id: clientId,
    client_secret: clientSecret,
  });
  const response = await fetch(`${url}/token`, { method: 'POST', body });
  const answer = await response.json();
  if (answer.error === 'invalid_grant') throw new TielineError('reauthorization_required', answer.error_description);
  if (!response.ok) throw new TielineError('refresh_failed', answer.error);
  const { access_token: accessToken, refresh_token: refreshToken, expires_in: seconds } = answer;
  return {
    values: { accessToken, ...(refreshToken && { refreshToken }) },
    expiresAt: Date.now() + seconds * 1_000,
  };
}

const { keystore } = await openKeystore({ home, env: { TIELINE_STORE: store } });
try {
  const options = { keystore, key, renew, isMissing: () => false, now: Date.now, ...(leaseMs && { leaseMs }) };
  const { version, values } = await freshCredential(options);
  say({ version, accessToken: values.accessToken });
} catch (error) {
  if (!isTielineError(error)) throw error;
  say({ code: error.code, message: error.message });
} finally {
  await keystore.close();
}
