import { createHash } from 'node:crypto';
import aws4 from 'aws4';
import { TielineError } from '../../errors.ts';
import type { HttpRequest } from '../../network/send.ts';
import { bytesOf } from './body.ts';
import { headerOf, withHeader } from './header.ts';

export type AwsCredentials = {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  /** `us-east-1` */
  readonly region: string;
  /** As in the credential scope: `s3`, `execute-api`, `ses` … */
  readonly service: string;
};

/** Services that want the hash of the body in a header of its own. */
const HASH_HEADER = new Set(['s3', 'aoss']);

/**
 * The request with an AWS Signature Version 4 in its headers. All headers but those that proxies touch are signed, so
 * neither they nor address and body may change after. The query is spelled anew, with the same meaning.
 *
 * @throws TielineError `arguments_invalid` for a multipart form or a path that cannot be percent-decoded.
 */
export function signAws(request: HttpRequest, credentials: AwsCredentials, { now }: { now: Date }): HttpRequest {
  const { accessKeyId, secretAccessKey, sessionToken, region, service } = credentials;
  const body = bytesOf(request.body);
  const datetime = now.toISOString().replace(/[:-]|\.\d{3}/g, '');
  let headers = withHeader(request.headers, 'x-amz-date', datetime);
  if (sessionToken !== undefined) headers = withHeader(headers, 'x-amz-security-token', sessionToken);
  if (HASH_HEADER.has(service) && headerOf(headers, 'x-amz-content-sha256') === undefined) {
    headers = withHeader(headers, 'x-amz-content-sha256', createHash('sha256').update(body).digest('hex'));
  }
  const { url, method } = request;
  const path = escaped(url.pathname + url.search);
  const signer = new aws4.RequestSigner(
    { method, path, headers: { ...headers, host: url.host }, body, service, region, doNotModifyHeaders: true },
    { accessKeyId, secretAccessKey },
  );
  signer.datetime = datetime;
  const signed = attempt(() => signer.sign());
  const [pathname = '/', search = ''] = (signed.path ?? path).split('?');
  const next = new URL(url);
  next.pathname = pathname;
  next.search = search;
  return {
    ...request,
    url: next,
    headers: withHeader(headers, 'authorization', String(signed.headers?.Authorization)),
  };
}

/** What aws4 would else decode and encode as a whole, and so spell `%2F` as `%252F`. */
const escaped = (path: string): string =>
  path.replace(/[^0-9A-Za-z;,/?:@&=+$\-_.!~*'()#%]/g, (it) => `%${it.charCodeAt(0).toString(16).toUpperCase()}`);

function attempt<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    throw new TielineError('arguments_invalid', 'the path has a percent sign that begins no percent-encoded byte');
  }
}
