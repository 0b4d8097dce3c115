import { readRequest } from '../auth/http.ts';
import { runFunction } from '../auth/method.ts';
import { isTielineError, TielineError } from '../errors.ts';
import { type Http, wasThrown } from '../expression/sandbox.ts';
import type { Account } from './account.ts';

/**
 * What the function of a definition makes of an account: its value tells whether it works. Its requests for a `path`
 * are the account's own, with a refresh after a 401; those for a `url` carry no credential.
 *
 * Throws `token_rejected` for what the function throws, and as it is what keeps the function from telling, such as a
 * provider that is not there.
 */
export async function testByFunction(account: Account, source: string, title: string): Promise<boolean> {
  await account.ready();
  const scope = account.scope();
  const http: Http = async (given, signal) => {
    const plan = await readRequest(given);
    if ('url' in plan.target) return account.ask(plan, scope, { signal });
    const effect = plan.method === 'GET' || plan.method === 'HEAD' ? 'read' : 'create';
    const { answer } = await account.request({ plan, roots: {}, effect, errors: [], anyStatus: true });
    return answer;
  };
  try {
    return Boolean(await runFunction(source, { scope, scripts: account.scripts }, http));
  } catch (error) {
    if (!wasThrown(error) || !isTielineError(error)) throw error;
    throw new TielineError('token_rejected', `the test of ${title} did not succeed: ${error.message}`);
  }
}
