import type { AuthOptionSpec } from '../connector/authspec.ts';
import type { AuthOption } from '../connector/connector.ts';
import type { JsonSchema } from '../connector/values.ts';
import { apiKey } from './apikey.ts';
import { basic } from './basic.ts';
import { bearer } from './bearer.ts';
import { none } from './none.ts';
import { oauth2 } from './oauth2.ts';
import type { AuthType } from './type.ts';

const types: Readonly<Record<AuthOptionSpec['type'], AuthType>> = { none, api_key: apiKey, basic, bearer, oauth2 };

export const authType = (option: AuthOption): AuthType => types[option.spec.type];

/** What the user types to connect with this option. */
export const inputSchema = (option: AuthOption): JsonSchema => option.spec.ui.schema ?? authType(option).schema;
