import type { AuthOptionSpec } from '../connector/authspec.ts';
import type { AuthOption } from '../connector/connector.ts';
import type { JsonSchema } from '../connector/values.ts';
import { apiKey } from './apikey.ts';
import { basic } from './basic.ts';
import { bearer } from './bearer.ts';
import { digest } from './digest.ts';
import { hmac } from './hmac.ts';
import { hostToken } from './hosttoken.ts';
import { jwt } from './jwt.ts';
import { mtls } from './mtls.ts';
import { none } from './none.ts';
import { oauth1 } from './oauth1.ts';
import { oauth2 } from './oauth2.ts';
import { proxy } from './proxy.ts';
import { refreshMethod } from './refreshmethod.ts';
import { sigv4 } from './sigv4.ts';
import { tokenRequest } from './tokenrequest.ts';
import type { AuthType } from './type.ts';
import { wsse } from './wsse.ts';

export const authTypes: Readonly<Record<AuthOptionSpec['type'], AuthType>> = {
  none,
  api_key: apiKey,
  basic,
  digest,
  bearer,
  token_request: tokenRequest,
  oauth2,
  oauth1,
  jwt,
  sigv4,
  hmac,
  wsse,
  mtls,
  host_token: hostToken,
  proxy,
};

export const authType = (option: AuthOption): AuthType => authTypes[option.spec.type];

/** How the option's credentials are renewed: as its own `refreshCredentials` says, else as its type does. */
export const renewalFor = (option: AuthOption): AuthType['renewal'] =>
  option.methods.refreshCredentials ? refreshMethod : authType(option).renewal;

/** What the user types to connect with this option. */
export const inputSchema = (option: AuthOption): JsonSchema => option.spec.ui.schema ?? authType(option).schema;
