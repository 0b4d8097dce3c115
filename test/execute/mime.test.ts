import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildMime } from '../../src/execute/mime.ts';
import { failureOf } from './stage.ts';

type Part = { readonly headers: ReadonlyMap<string, string>; readonly body: string; readonly parts: readonly Part[] };

/** Reads a message as a server does: headers up to the first empty line, unfolded; parts by their boundary (RFC 2046). */
function read(text: string): Part {
  const end = text.indexOf('\r\n\r\n');
  const lines = text
    .slice(0, end)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n');
  const headers = new Map(
    lines.map((line) => {
      const [, name, value] = /^([!-9;-~]+): ?(.*)$/.exec(line) ?? [];
      if (name === undefined) throw new Error(`no header: ${line}`);
      return [name.toLowerCase(), value ?? ''];
    }),
  );
  if (headers.size !== lines.length) throw new Error('a header stands there twice');
  const body = text.slice(end + 4);
  const boundary = /boundary="?([^";]+)/.exec(headers.get('content-type') ?? '')?.[1];
  const pieces = boundary === undefined ? [] : `\r\n${body}`.split(`\r\n--${boundary}`).slice(1, -1);
  return { headers, body, parts: pieces.map((it) => read(it.slice(2))) };
}

/** RFC 2047 words as the text they stand for. */
function decoded(text = ''): string {
  const word = /=\?utf-8\?([bq])\?([^?]*)\?=(?:\s+(?==\?))?/gi;
  const bytes = text.replace(word, (_, kind: string, coded: string) =>
    kind.toLowerCase() === 'b'
      ? Buffer.from(coded, 'base64').toString('latin1')
      : coded
          .replaceAll('_', ' ')
          .replace(/=([\dA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
  );
  return word.test(text) ? Buffer.from(bytes, 'latin1').toString('utf8') : text;
}

async function mail(fields: Parameters<typeof buildMime>[0]): Promise<Part> {
  const { base64url } = await buildMime(fields);
  expect(base64url).toMatch(/^[\w-]+$/);
  return read(Buffer.from(base64url, 'base64url').toString('latin1'));
}

/** What a message has when nothing was smuggled in. */
const USUAL = ['to', 'subject', 'message-id', 'content-transfer-encoding', 'date', 'mime-version', 'content-type'];

describe('a message', () => {
  it('has the fields it was given, bcc among them', async () => {
    const { headers, body } = await mail({
      from: 'Ada <ada@a.example>',
      to: ['b@b.example', 'Grace <grace@c.example>'],
      cc: 'd@d.example',
      bcc: ['hidden@e.example'],
      replyTo: 'f@f.example',
      subject: 'Hello',
      text: 'One\nTwo',
      inReplyTo: '<1@a.example>',
      references: ['<0@a.example>', '<1@a.example>'],
    });
    expect(Object.fromEntries(headers)).toMatchObject({
      from: 'Ada <ada@a.example>',
      to: 'b@b.example, Grace <grace@c.example>',
      cc: 'd@d.example',
      bcc: 'hidden@e.example',
      'reply-to': 'f@f.example',
      subject: 'Hello',
      'in-reply-to': '<1@a.example>',
      references: '<0@a.example> <1@a.example>',
      'content-type': 'text/plain; charset=utf-8',
    });
    expect(body.trim()).toBe('One\r\nTwo');
  });

  it('tells its own id', async () => {
    const { base64url, messageId } = await buildMime({ to: 'a@b.example', text: 'x' });
    const { headers } = read(Buffer.from(base64url, 'base64url').toString());
    expect(headers.get('message-id')).toBe(messageId);
  });

  it('carries any language', async () => {
    const subject = `${'Grüße aus Zürich 🎉 '.repeat(8)}日本`;
    const { headers, body } = await mail({ to: 'Jörg Müller <j@b.example>', subject, text: 'Schöne Grüße ✓' });
    expect(decoded(headers.get('subject'))).toBe(subject);
    expect(decoded(headers.get('to'))).toBe('Jörg Müller <j@b.example>');
    const content =
      headers.get('content-transfer-encoding') === 'base64'
        ? Buffer.from(body, 'base64').toString()
        : decoded(`=?utf-8?q?${body.trim()}?=`);
    expect(content.trim()).toBe('Schöne Grüße ✓');
  });

  it('has text and HTML as alternatives', async () => {
    const { headers, parts } = await mail({ to: 'a@b.example', text: 'plain', html: '<b>rich</b>' });
    expect(headers.get('content-type')).toMatch(/^multipart\/alternative/);
    expect(parts.map((it) => it.headers.get('content-type'))).toEqual([
      'text/plain; charset=utf-8',
      'text/html; charset=utf-8',
    ]);
    expect(parts.map((it) => it.body.trim())).toEqual(['plain', '<b>rich</b>']);
  });

  it('carries files with their names, types and bytes', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const { parts } = await mail({
      to: 'a@b.example',
      text: 'see files',
      attachments: [
        { name: 'Überblick 2026.pdf', base64: bytes.toString('base64') },
        { name: 'notes', mimeType: 'text/x-notes', text: 'ü' },
      ],
    });
    const [text, first, second] = parts;
    expect(text?.body.trim()).toBe('see files');
    expect(first?.headers.get('content-type')).toMatch(/^application\/pdf/);
    expect(first?.headers.get('content-disposition')).toBe("attachment; filename*0*=utf-8''%C3%9Cberblick%202026.pdf");
    expect(Buffer.from(first?.body ?? '', 'base64')).toEqual(bytes);
    expect(second?.headers.get('content-type')).toMatch(/^text\/x-notes/);
    expect(Buffer.from(second?.body ?? '', 'base64').toString()).toBe('ü');
  });

  it.each(['from', 'to', 'cc', 'bcc', 'replyTo', 'subject', 'inReplyTo', 'references'])(
    'refuses a line break in %s',
    async (field) => {
      for (const end of ['\r\nX-Evil: 1', '\nX-Evil: 1', '\r', '\0']) {
        for (const value of [`a@b.example${end}`, ['b@b.example', `a@b.example${end}`]]) {
          const error = await failureOf(buildMime({ to: 'c@c.example', [field]: value }));
          expect(error).toMatchObject({ code: 'arguments_invalid', message: `${field} cannot hold a line break` });
        }
      }
    },
  );

  it.each([
    ['a file name', { name: 'a.txt\r\nX-Evil: 1', text: 'x' }],
    ['a file type', { name: 'a.txt', mimeType: 'text/plain\r\nX-Evil: 1', text: 'x' }],
  ])('refuses a line break in %s', async (what, file) => {
    const error = await failureOf(buildMime({ to: 'a@b.example', attachments: [file] }));
    expect(error).toMatchObject({ code: 'arguments_invalid', message: `${what} cannot hold a line break` });
  });

  it('has no other header than its own, whatever stands in it', async () => {
    const piece = fc.constantFrom(
      '\u2028',
      '\u0085',
      '\v',
      'Bcc: x@evil.example',
      '"',
      ';',
      '=',
      '=?utf-8?q?=0D=0ABcc:_x?=',
      '<',
      '>',
      'ü',
      ',',
      ' ',
      '\\',
    );
    const hostile = fc.array(fc.oneof(piece, fc.string({ unit: 'binary', maxLength: 5 })), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(hostile, hostile, async (subject, name) => {
        const text = (it: string[]) => it.join('').replace(/[\r\n\0]/g, '');
        const { headers, parts } = await mail({
          to: 'a@b.example',
          subject: `s${text(subject)}`,
          text: 'x',
          attachments: [{ name: `n${text(name)}`, text: 'y' }],
        });
        expect(USUAL).toEqual(expect.arrayContaining([...headers.keys()]));
        expect(parts).toHaveLength(2);
        const own = ['content-type', 'content-transfer-encoding', 'content-disposition'];
        expect(own).toEqual(expect.arrayContaining([...(parts[1]?.headers.keys() ?? [])]));
      }),
      { numRuns: 200 },
    );
  });

  it('reads no file and no address', async () => {
    for (const source of ['{"path":"/etc/hosts"}', '{"href":"http://127.0.0.1:1/"}']) {
      await expect(buildMime({ to: 'a@b.example', text: JSON.parse(source) })).rejects.toThrow(/rejected/);
    }
  });
});

describe('a header', () => {
  const BLANKS = [
    '\u00a0',
    '\u1680',
    '\u2003',
    '\u202f',
    '\u3000',
    '\ufeff',
    '\u205f',
    '\u200b',
    '\u2028',
    '\u2029',
    '\u0085',
  ];
  const usual = { from: 'ada@a.example', to: 'b@b.example', subject: 'Re: Hello', text: 'Hi' };

  /** Each line begins a field or goes on with one, in ASCII alone: what the strictest reader wants (RFC 5322 §2.2). */
  async function strictly(fields: Parameters<typeof buildMime>[0]): Promise<string[]> {
    const raw = Buffer.from((await buildMime(fields)).base64url, 'base64url').toString('latin1');
    const lines = raw.slice(0, raw.indexOf('\r\n\r\n')).split('\r\n');
    for (const line of lines) expect(line).toMatch(/^(?:[!-9;-~]+: ?|[ \t]+(?=[!-~]))[\t -~]*$/);
    return lines;
  }

  it.each(BLANKS)('is not broken by a blank %j in the id of the message that is answered', async (blank) => {
    const id = `<${'a'.repeat(60)}${blank}Bcc: mallory@m.example${blank}@m.example>`;
    for (const fields of [{ inReplyTo: id }, { references: id }, { references: [id, '<good@a.example>'] }]) {
      const lines = await strictly({ ...usual, ...fields });
      expect(lines.join('\n')).not.toMatch(/mallory/);
    }
    const kept = await strictly({
      ...usual,
      inReplyTo: `${blank}<good@a.example>${blank}`,
      references: '<one@a> <two@a>',
    });
    expect(kept).toContain('In-Reply-To: <good@a.example>');
    expect(kept).toContain('References: <one@a> <two@a>');
  });

  it.each(BLANKS)('is not broken by a blank %j in a name, an address or a subject', async (blank) => {
    const name = `${'Ada '.repeat(20)}${blank}Bcc: mallory@m.example${blank}`;
    for (const field of ['from', 'to', 'cc', 'bcc', 'replyTo', 'subject']) {
      for (const value of [name, `${name} <ada@a.example>`, `ada${blank}x@a.example`]) {
        await strictly({ ...usual, [field]: value }).catch((error: unknown) =>
          expect(error).toMatchObject({ code: 'arguments_invalid' }),
        );
      }
    }
  });

  it('is read by the strictest readers, whatever is in the fields', async () => {
    const text = fc.string({
      unit: fc.constantFrom('a', ' ', ',', '<', '>', '@', '"', ';', 'é', '文', ...BLANKS),
      maxLength: 120,
    });
    await fc.assert(
      fc.asyncProperty(text, text, text, async (subject, to, id) => {
        await strictly({ ...usual, subject, to: [to], inReplyTo: id, references: [id, `<${id}>`] }).catch(
          (error: unknown) => expect(error).toMatchObject({ code: 'arguments_invalid' }),
        );
      }),
      { numRuns: 200 },
    );
  });
});
