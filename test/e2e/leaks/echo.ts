import type { IncomingHttpHeaders } from 'node:http';

/** What is sent along to be told apart from others, and so no secret. */
const SHOWN = /^(grant_type|client_id|redirect_uri|scope|state|code_challenge|token_type_hint|username|user|text)$/;

/** The secrets in a request: what they are, and their text. */
export function sentIn(headers: IncomingHttpHeaders, url: URL, body: string): [what: string, value: string][] {
  const { authorization, cookie } = headers;
  const key = headers['x-api-key'];
  const found: [string, string | null | undefined][] = [
    ['credential in Authorization', authorization?.replace(/^\w+ /, '')],
    ['key in a header', typeof key === 'string' ? key : undefined],
    ['cookie', cookie?.split('=').slice(1).join('=')],
    ['key in the query', url.searchParams.get('key')],
  ];
  if (headers['content-type']?.includes('form')) {
    for (const [name, value] of new URLSearchParams(body)) if (!SHOWN.test(name)) found.push([`${name} sent`, value]);
  }
  if (headers['content-type']?.includes('json')) {
    for (const [name, value] of Object.entries(JSON.parse(body))) {
      if (!SHOWN.test(name)) found.push([`${name} sent`, String(value)]);
    }
  }
  return found.flatMap(([what, value]) => (value && value.length >= 12 ? [[what, value]] : []));
}

/** Secrets as providers write what they were sent. */
export function echoOf(values: readonly string[]): Record<string, unknown> {
  return {
    raw: values,
    text: `you sent <${values.join('> and <')}>, did you not?`,
    percent: values.map(encodeURIComponent),
    form: new URLSearchParams(values.map((it): [string, string] => ['it', it])).toString(),
    base64: values.map((it) => Buffer.from(it).toString('base64')),
    base64url: values.map((it) => Buffer.from(it).toString('base64url')),
    json: JSON.stringify({ values }),
    inBase64: Buffer.from(JSON.stringify({ values })).toString('base64'),
    byName: Object.fromEntries(values.map((it) => [it, true])),
  };
}
