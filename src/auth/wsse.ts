import { optionOf, textOf } from './option.ts';
import { withHeader } from './sign/header.ts';
import { wsse as wsseHeaders } from './sign/wsse.ts';
import type { AuthType } from './type.ts';

/** WSSE UsernameToken. */
export const wsse: AuthType = {
  schema: {
    type: 'object',
    required: ['username', 'password'],
    properties: {
      username: { type: 'string', title: 'User name', minLength: 1 },
      password: { type: 'string', title: 'Password', secret: true, minLength: 1 },
    },
  },
  apply: (option, scope, request, { now, nonce, scripts }) => {
    const { base64Nonce, ...spec } = optionOf(option, 'wsse');
    const username = textOf(spec.username, scope, `${option.key}: the user name`, { scripts });
    const password = textOf(spec.password, scope, `${option.key}: the password`, { scripts });
    const added = wsseHeaders(username, password, { created: new Date(now), nonce: nonce(), base64Nonce });
    let { headers } = request;
    for (const [name, value] of Object.entries(added)) headers = withHeader(headers, name, value);
    return { ...request, headers };
  },
};
