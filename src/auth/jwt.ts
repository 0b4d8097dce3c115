import { withToken } from './bearer.ts';
import { optionalText, optionOf, templateTree, textOf } from './option.ts';
import { requestView } from './requestview.ts';
import { signJwt } from './sign/jwt.ts';
import type { AuthType } from './type.ts';

/** A JWT of one's own for each request, as App Store Connect, Zoom or GitHub Apps want it. */
export const jwt: AuthType = {
  schema: {
    type: 'object',
    required: ['key'],
    properties: { key: { type: 'string', title: 'Signing key', format: 'multiline', secret: true, minLength: 1 } },
  },
  apply: async (option, scope, request, { now, nonce, scripts }) => {
    const spec = optionOf(option, 'jwt');
    const seen = { ...scope, request: requestView(request), timestamp: Math.floor(now / 1_000) };
    const text = (source: string | undefined) => optionalText(source, seen, scripts);
    const token = await signJwt(
      {
        alg: spec.algorithm,
        key: textOf(spec.key, scope, `${option.key}: the signing key`, { scripts }),
        keyEncoding: spec.keyEncoding,
        kid: text(spec.keyId),
        issuer: text(spec.issuer),
        subject: text(spec.subject),
        audience: text(spec.audience),
        ttlSeconds: spec.ttl,
        claims: templateTree(spec.claims).evaluate(seen, scripts) as Record<string, unknown>,
      },
      { nowSeconds: now / 1_000, jti: nonce() },
    );
    return withToken(request, spec, token);
  },
};
