import { TielineError } from '../errors.ts';
import { optionOf, textOf } from './option.ts';
import { withHeader } from './sign/header.ts';
import type { AuthType } from './type.ts';

/** RFC 7617. */
export const basic: AuthType = {
  schema: {
    type: 'object',
    required: ['username'],
    properties: {
      username: { type: 'string', title: 'User name', minLength: 1 },
      password: { type: 'string', title: 'Password', secret: true },
    },
  },
  apply: (option, scope, request, { scripts }) => {
    const spec = optionOf(option, 'basic');
    const username = textOf(spec.username, scope, `${option.key}: the user name`, { scripts });
    if (username.includes(':')) throw new TielineError('arguments_invalid', 'a user name cannot hold a colon');
    const password = textOf(spec.password, scope, `${option.key}: the password`, { empty: true, scripts });
    const pair = Buffer.from(`${username}:${password}`, 'utf8').toString('base64');
    return { ...request, headers: withHeader(request.headers, 'authorization', `Basic ${pair}`) };
  },
};
