import { optionalText, optionOf, textOf } from './option.ts';
import type { AuthType } from './type.ts';

/** A client certificate in the TLS handshake (RFC 8446 §4.4.2). The server's is verified as ever. */
export const mtls: AuthType = {
  schema: {
    type: 'object',
    required: ['cert', 'key'],
    properties: {
      cert: { type: 'string', title: 'Client certificate (PEM)', format: 'multiline', minLength: 1 },
      key: { type: 'string', title: 'Private key (PEM)', format: 'multiline', secret: true, minLength: 1 },
      passphrase: { type: 'string', title: 'Passphrase of the private key', secret: true },
    },
  },
  apply: (_option, _scope, request) => request,
  tls: (option, scope, scripts) => {
    const spec = optionOf(option, 'mtls');
    return {
      cert: textOf(spec.cert, scope, `${option.key}: the client certificate`, { scripts }),
      key: textOf(spec.key, scope, `${option.key}: the private key`, { scripts }),
      passphrase: optionalText(spec.passphrase, scope, scripts),
    };
  },
};
