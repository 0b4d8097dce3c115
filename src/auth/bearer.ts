import { optionOf, textOf } from './option.ts';
import type { AuthType } from './type.ts';

/** RFC 6750, with a header and prefix of one's own where an API wants them. */
export const bearer: AuthType = {
  schema: {
    type: 'object',
    required: ['token'],
    properties: { token: { type: 'string', title: 'Token', secret: true, minLength: 1 } },
  },
  apply: (option, scope) => {
    const { header, prefix, token } = optionOf(option, 'bearer');
    return { headers: tokenHeader(header, prefix, textOf(token, scope, `${option.key}: the token`)) };
  },
};

/** `Authorization: Bearer …`, or the bare token where the prefix is empty. */
export function tokenHeader(header: string, prefix: string, token: string): Record<string, string> {
  return { [header.toLowerCase()]: prefix === '' ? token : `${prefix} ${token}` };
}
