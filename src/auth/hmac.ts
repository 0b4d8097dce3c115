import { optionOf, templateTree, textOf } from './option.ts';
import { requestView } from './requestview.ts';
import { withHeader } from './sign/header.ts';
import { signHmac } from './sign/hmac.ts';
import type { AuthType } from './type.ts';

/** An HMAC (RFC 2104) of what the definition puts together, in a header or the query. */
export const hmac: AuthType = {
  schema: {
    type: 'object',
    required: ['secret'],
    properties: { secret: { type: 'string', title: 'Signing secret', secret: true, minLength: 1 } },
  },
  apply: (option, scope, request, { now, nonce, scripts }) => {
    const spec = optionOf(option, 'hmac');
    const seen = { ...scope, timestamp: Math.floor(now / 1_000), nonce: nonce() };
    const added = templateTree(spec.headers).evaluate({ ...seen, request: requestView(request) }, scripts);
    let { headers } = request;
    for (const [name, value] of Object.entries(added as object)) headers = withHeader(headers, name, String(value));
    const built = { ...request, headers };
    const text = (source: string, what: string) =>
      textOf(source, { ...seen, request: requestView(built) }, `${option.key}: ${what}`, { empty: true, scripts });
    const { algorithm, keyEncoding, encoding } = spec;
    const place = spec.header === undefined ? { query: spec.query ?? '' } : { header: spec.header };
    return signHmac(built, {
      algorithm,
      keyEncoding,
      encoding,
      key: text(spec.key, 'the signing secret'),
      content: text(spec.content, 'what is signed'),
      prefix: text(spec.prefix, 'the prefix'),
      ...place,
    });
  },
};
