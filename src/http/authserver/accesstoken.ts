import type Provider from 'oidc-provider';
import type { SigningKeys } from '../../auth/signingkeys.ts';
import { accountOf } from './adapter.ts';

/** Seconds. Short, as what was signed cannot be taken back everywhere. */
export const ACCESS_TOKEN_TTL = 15 * 60;

/**
 * Has access tokens signed as all tokens of this server are (RFC 9068), with the key of today: oidc-provider knows only
 * the keys that it is started with.
 */
export function signAccessTokens(provider: Provider, signingKeys: SigningKeys): void {
  Object.defineProperty(provider.AccessToken.prototype, 'getValueAndPayload', {
    async value(this: InstanceType<Provider['AccessToken']>): Promise<{ value: string }> {
      const { organization, user } = accountOf(this.accountId);
      return {
        value: await signingKeys.sign({
          subject: user,
          audience: String(this.aud),
          ttlSeconds: ACCESS_TOKEN_TTL,
          claims: { org: organization, scope: this.scope ?? '', client_id: this.clientId, grant: this.grantId },
        }),
      };
    },
  });
}
