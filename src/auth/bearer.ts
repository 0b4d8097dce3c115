import type { HttpRequest } from '../network/send.ts';
import { optionOf, textOf } from './option.ts';
import { withHeader } from './sign/header.ts';
import type { AuthType } from './type.ts';

/** RFC 6750, with a header and prefix of one's own where an API wants them. */
export const bearer: AuthType = {
  schema: {
    type: 'object',
    required: ['token'],
    properties: { token: { type: 'string', title: 'Token', secret: true, minLength: 1 } },
  },
  apply: (option, scope, request, { scripts }) => {
    const spec = optionOf(option, 'bearer');
    return withToken(request, spec, textOf(spec.token, scope, `${option.key}: the token`, { scripts }));
  },
};

/** The request with `Authorization: Bearer …`, or with the bare token where the prefix is empty. */
export function withToken(
  request: HttpRequest,
  { header, prefix }: { readonly header: string; readonly prefix: string },
  token: string,
): HttpRequest {
  return { ...request, headers: withHeader(request.headers, header, prefix === '' ? token : `${prefix} ${token}`) };
}
