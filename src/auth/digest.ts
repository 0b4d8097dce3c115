import { basic } from './basic.ts';
import { optionOf, textOf } from './option.ts';
import { canAnswer, signDigest } from './sign/digest.ts';
import type { AuthType } from './type.ts';

/** HTTP Digest (RFC 7616): a request is sent bare until the server has said what its answer depends on. */
export const digest: AuthType = {
  schema: basic.schema,
  apply: (option, scope, request, { challenge, nonce, scripts }) => {
    if (!challenge) return request;
    const { username, password } = optionOf(option, 'digest');
    const credentials = {
      username: textOf(username, scope, `${option.key}: the user name`, { scripts }),
      password: textOf(password, scope, `${option.key}: the password`, { empty: true, scripts }),
      challenge: challenge.text,
    };
    return signDigest(request, credentials, { cnonce: nonce(), count: challenge.count });
  },
  challenges: {
    canAnswer,
    of: (option, scope, scripts) =>
      textOf(optionOf(option, 'digest').username, scope, `${option.key}: the user name`, { scripts }),
  },
};
