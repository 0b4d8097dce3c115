export type HelperFunction = {
  readonly signature: string;
  readonly description: string;
  /** An expression that uses it; a test runs each one. */
  readonly example: string;
  readonly result: unknown;
};

/** The functions every expression may call, besides what JavaScript provides. Texts are UTF-8 where bytes are meant. */
export const helperFunctions: Readonly<Record<string, HelperFunction>> = {
  base64: {
    signature: 'base64(text)',
    description: 'The text in base64, with padding.',
    example: "base64('user:pass')",
    result: 'dXNlcjpwYXNz',
  },
  base64url: {
    signature: 'base64url(text)',
    description: 'The text in base64url, without padding.',
    example: "base64url('a>b?')",
    result: 'YT5iPw',
  },
  fromBase64: {
    signature: 'fromBase64(text)',
    description: 'The text that was encoded. Bytes that are not UTF-8 become U+FFFD.',
    example: "fromBase64('w7xiZXI=')",
    result: 'über',
  },
  fromBase64url: {
    signature: 'fromBase64url(text)',
    description: 'The text that was encoded, with or without padding.',
    example: "fromBase64url('w7xiZXI')",
    result: 'über',
  },
  base64ToBase64url: {
    signature: 'base64ToBase64url(text)',
    description: 'The same bytes, text or not, in base64url without padding.',
    example: "base64ToBase64url('+/8=')",
    result: '-_8',
  },
  base64urlToBase64: {
    signature: 'base64urlToBase64(text)',
    description: 'The same bytes, text or not, in base64 with padding.',
    example: "base64urlToBase64('-_8')",
    result: '+/8=',
  },
  hex: {
    signature: 'hex(text)',
    description: 'The bytes of the text in lower-case hexadecimal.',
    example: "hex('é')",
    result: 'c3a9',
  },
  sha256: {
    signature: "sha256(text, encoding = 'hex')",
    description: 'SHA-256 of the text as hex, base64 or base64url.',
    example: "sha256('abc')",
    result: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  },
  hmac: {
    signature: "hmac(algorithm, key, text, encoding = 'hex')",
    description: 'HMAC with md5, sha1, sha256 or sha512, as hex, base64 or base64url.',
    example: "hmac('sha256', 'key', 'The quick brown fox jumps over the lazy dog')",
    result: 'f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8',
  },
  uuid: {
    signature: 'uuid()',
    description: 'A random UUID (version 4).',
    example: 'uuid().length',
    result: 36,
  },
  random: {
    signature: 'random(nBytes)',
    description: 'That many random bytes (1 to 1024) in base64url.',
    example: 'random(16).length',
    result: 22,
  },
  now: {
    signature: 'now()',
    description: 'The current time in whole epoch seconds.',
    example: 'now() > 1700000000',
    result: true,
  },
  isoDate: {
    signature: 'isoDate(value)',
    description:
      'Epoch seconds, epoch milliseconds, an ISO 8601 or an e-mail date as ISO 8601 in UTC; undefined when it is no date. A time without a zone is UTC.',
    example: "[isoDate(1700000000), isoDate('1700000000123'), isoDate('Tue, 14 Nov 2023 23:13:20 +0100')]",
    result: ['2023-11-14T22:13:20.000Z', '2023-11-14T22:13:20.123Z', '2023-11-14T22:13:20.000Z'],
  },
  epoch: {
    signature: 'epoch(value)',
    description: 'The same dates as whole epoch seconds; undefined when it is no date.',
    example: "epoch('2023-11-14T22:13:20Z')",
    result: 1700000000,
  },
  urlencode: {
    signature: 'urlencode(text)',
    description: 'The text percent-encoded for any part of a URL, as RFC 3986 has it.',
    example: 'urlencode("a b/é?\'")',
    result: 'a%20b%2F%C3%A9%3F%27',
  },
  pick: {
    signature: 'pick(object, ...names)',
    description: 'The object with these properties only; undefined for null and undefined.',
    example: "pick({ id: 1, name: 'a', etag: 'x' }, 'id', 'name')",
    result: { id: 1, name: 'a' },
  },
  omit: {
    signature: 'omit(object, ...names)',
    description: 'The object without these properties; undefined for null and undefined.',
    example: "omit({ id: 1, etag: 'x' }, 'etag')",
    result: { id: 1 },
  },
  stripHtml: {
    signature: 'stripHtml(text)',
    description:
      'The plain text of HTML: no tags, scripts or styles, entities decoded, a line per block. Reads the first 2,000,000 characters.',
    example: "stripHtml('<p>Tom &amp; <b>Ann</b></p><script>x()</script><p>Bye</p>')",
    result: 'Tom & Ann\nBye',
  },
};
