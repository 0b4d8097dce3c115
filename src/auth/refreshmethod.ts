import { planRequest } from '../connector/plan.ts';
import { TielineError } from '../errors.ts';
import { askMethod, grantedBy } from './method.ts';
import { marked, secondsToWait } from './tokenerror.ts';
import type { AuthType, Granted, RenewContext } from './type.ts';

/** Renewal as `refreshCredentials` of an option says: what it gives is merged into the credentials. */
export const refreshMethod: NonNullable<AuthType['renewal']> = {
  isMissing: () => false,
  isPossible: () => true,
  renew,
};

async function renew({ connector, option, scope, scripts, ask, now, endsAt }: RenewContext): Promise<Granted> {
  const method = option.methods.refreshCredentials;
  if (!method) throw new Error(`${option.key} has no refreshCredentials`);
  const response = method.request && (await ask(planRequest(method.request), scope));
  if (response && response.status >= 300) {
    const isOver = response.status >= 400 && response.status < 500 && ![408, 429].includes(response.status);
    const error = new TielineError(
      isOver ? 'reauthorization_required' : 'refresh_failed',
      `${connector} answered the refresh with status ${response.status}`,
      isOver
        ? { hint: 'Connect the account again.' }
        : { hint: 'Try again in a while.', retryAfter: secondsToWait(response) },
    );
    throw marked(error, response);
  }
  return grantedBy(await askMethod(method, { scope: { ...scope, response }, scripts, ask, endsAt }), now);
}
