import { createHash } from 'node:crypto';
import { quoted } from './quoted.ts';

/**
 * The headers of a WSSE UsernameToken, as "Atom Authentication" (xml.com, 2003) brought it to HTTP. The digest is over
 * the nonce as given; `base64Nonce` spells it in base64 in the header, as SOAP does. Default: sent as given.
 */
export function wsse(
  username: string,
  password: string,
  { created, nonce, base64Nonce = false }: { created: Date; nonce: string; base64Nonce?: boolean | undefined },
): Record<string, string> {
  const time = created.toISOString().replace(/\.\d{3}/, '');
  const digest = createHash('sha1')
    .update(nonce + time + password, 'utf8')
    .digest('base64');
  const spelled = base64Nonce ? Buffer.from(nonce, 'utf8').toString('base64') : nonce;
  const fields = [
    `Username=${quoted(username)}`,
    `PasswordDigest="${digest}"`,
    `Nonce=${quoted(spelled)}`,
    `Created="${time}"`,
  ];
  return { authorization: 'WSSE profile="UsernameToken"', 'x-wsse': `UsernameToken ${fields.join(', ')}` };
}
