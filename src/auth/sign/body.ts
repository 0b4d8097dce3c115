import { TielineError } from '../../errors.ts';
import type { HttpRequest } from '../../network/send.ts';

/**
 * The body as it will be sent.
 *
 * @throws TielineError `arguments_invalid` for a multipart form, whose bytes are known only when it is sent.
 */
export function bytesOf(body: HttpRequest['body']): Buffer {
  if (body === undefined) return Buffer.alloc(0);
  if (typeof body === 'string') return Buffer.from(body, 'utf8');
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  throw new TielineError('arguments_invalid', 'a multipart form cannot be signed for this account', {
    hint: 'Send the content as the body itself.',
  });
}
