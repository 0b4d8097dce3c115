import { optionalText, optionOf, textOf } from './option.ts';
import { signAws } from './sign/sigv4.ts';
import type { AuthType } from './type.ts';

/** AWS Signature Version 4. */
export const sigv4: AuthType = {
  schema: {
    type: 'object',
    required: ['accessKeyId', 'secretAccessKey'],
    properties: {
      accessKeyId: { type: 'string', title: 'Access key ID', minLength: 1 },
      secretAccessKey: { type: 'string', title: 'Secret access key', secret: true, minLength: 1 },
      sessionToken: { type: 'string', title: 'Session token', secret: true },
    },
  },
  apply: (option, scope, request, { now, scripts }) => {
    const spec = optionOf(option, 'sigv4');
    const text = (name: 'accessKeyId' | 'secretAccessKey' | 'region' | 'service') =>
      textOf(spec[name], scope, `${option.key}: ${name}`, { scripts });
    const credentials = {
      accessKeyId: text('accessKeyId'),
      secretAccessKey: text('secretAccessKey'),
      sessionToken: optionalText(spec.sessionToken, scope, scripts),
      region: text('region'),
      service: text('service'),
    };
    return signAws(request, credentials, { now: new Date(now) });
  },
};
