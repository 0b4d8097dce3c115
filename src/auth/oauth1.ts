import type { AuthOption } from '../connector/connector.ts';
import { TielineError } from '../errors.ts';
import type { Scripts } from '../expression/sandbox.ts';
import type { Scope } from '../expression/template.ts';
import { runMethod } from './method.ts';
import { optionalText, optionOf } from './option.ts';
import { type OAuth1Credentials, signOAuth1 } from './sign/oauth1.ts';
import type { AuthType } from './type.ts';

/** What `getOAuth1Config` gave for one account. */
export type OAuth1Config = {
  readonly consumerKey: string;
  readonly consumerSecret?: string;
  readonly privateKey?: string;
  readonly requestTokenUri?: string;
  readonly authorizeUri?: string;
  readonly tokenUri?: string;
  readonly signatureMethod?: OAuth1Credentials['signatureMethod'];
  readonly realm?: string;
  readonly place?: 'header' | 'query';
  readonly extra?: Readonly<Record<string, string>>;
};

/** OAuth 1.0 (RFC 5849): each request signed with the client's and the account's secrets. */
export const oauth1: AuthType = {
  schema: { type: 'object', properties: {} },
  apply: (option, scope, request, { now, nonce, scripts }) => {
    const spec = optionOf(option, 'oauth1');
    const token = optionalText(spec.token, scope, scripts);
    const tokenSecret = optionalText(spec.tokenSecret, scope, scripts);
    const config = oauth1Config(option, scope, scripts);
    const moment = { nowSeconds: now / 1_000, nonce: nonce() };
    return signOAuth1(request, { ...credentialsOf(config), token, tokenSecret }, moment);
  },
};

/** Throws `config_invalid` when the consumer key is missing. */
export function oauth1Config(option: AuthOption, scope: Scope, scripts?: Scripts): OAuth1Config {
  const method = option.methods.getOAuth1Config;
  if (!method) throw new TielineError('definition_invalid', `auth option ${option.key} has no getOAuth1Config`);
  const config = runMethod(method, scope, scripts) as Partial<OAuth1Config>;
  if (!config.consumerKey) {
    throw new TielineError('config_invalid', 'the OAuth consumer key is not set', {
      hint: 'Set the app of this connector in config.yaml, or let `tieline connect` ask for it.',
    });
  }
  return { ...config, consumerKey: config.consumerKey };
}

export function credentialsOf(config: OAuth1Config): OAuth1Credentials {
  const { consumerKey, consumerSecret = '', privateKey, signatureMethod = 'HMAC-SHA1', realm, place } = config;
  return { consumerKey, consumerSecret, privateKey, signatureMethod, realm, place };
}
