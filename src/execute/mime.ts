import { Buffer } from 'node:buffer';
import { TielineError } from '../errors.ts';
import { asFile, type FileValue, fileBytes, mimeTypeOf } from './file.ts';

/** A built RFC 5322 message, as `steps.<id>` shows it. */
export type MimeMessage = { readonly base64url: string; readonly messageId: string };

type Fields = {
  readonly from?: string;
  readonly to?: string | readonly string[];
  readonly cc?: string | readonly string[];
  readonly bcc?: string | readonly string[];
  readonly replyTo?: string;
  readonly subject?: string;
  readonly text?: string;
  readonly html?: string;
  readonly inReplyTo?: string;
  readonly references?: string | readonly string[];
  readonly attachments?: readonly FileValue[];
};

/** Blanks of Unicode. Whoever folds a header takes them for blanks, and whoever reads it does not. */
const WIDE_BLANK = /[\u00A0\u1680\u2000-\u200A\u202F\u205F\u3000\uFEFF]/g;

/** An id of a message (RFC 5322 §3.6.4), no longer than a line may be. What is none is left out: senders choose theirs. */
const MESSAGE_ID = /<[!-;=?-~]{1,900}>/g;

const idsIn = (given: string | readonly string[] | undefined): string[] | undefined =>
  given === undefined ? undefined : [given].flat().flatMap((it) => String(it).match(MESSAGE_ID) ?? []);

const plainly = (given: unknown): unknown =>
  Array.isArray(given) ? given.map(plainly) : typeof given === 'string' ? given.replace(WIDE_BLANK, ' ') : given;

/** Builds a message from plain fields. Throws `arguments_invalid` when a field could add a header of its own. */
export async function buildMime(fields: Fields): Promise<MimeMessage> {
  // Loaded on first use: most calls never build a mail.
  const { default: MailComposer } = await import('nodemailer/lib/mail-composer/index.js');
  const { attachments = [], inReplyTo, references, ...rest } = fields;
  const files = [attachments].flat().map(asFile);
  const { text: _, html: __, ...headers } = rest;
  const ofFiles = { 'a file name': files.map((it) => it.name), 'a file type': files.map(mimeTypeOf) };
  for (const [name, value] of Object.entries({ ...headers, inReplyTo, references, ...ofFiles })) {
    if ([value].flat().some((it) => typeof it === 'string' && /[\r\n\0]/.test(it))) {
      throw new TielineError('arguments_invalid', `${name} cannot hold a line break`);
    }
  }
  const addresses = ['from', 'to', 'cc', 'bcc', 'replyTo'] as const;
  const composer = new MailComposer({
    ...(rest as object),
    ...Object.fromEntries(addresses.map((name) => [name, plainly(rest[name])])),
    inReplyTo: idsIn(inReplyTo)?.[0],
    references: idsIn(references),
    newline: 'windows', // RFC 5322 section 2.1, whatever the text came with
    disableFileAccess: true,
    disableUrlAccess: true,
    attachments: files.map((it) => ({
      filename: it.name,
      contentType: mimeTypeOf(it),
      content: Buffer.from(fileBytes(it)),
    })),
  });
  const message = composer.compile();
  // Bcc is how the provider learns of these recipients; it removes the header itself.
  message.keepBcc = true;
  const built = await message.build();
  checkHeaders(built);
  return { base64url: built.toString('base64url'), messageId: message.messageId() };
}

/** RFC 5322 §2.2: each line of the header begins a field or goes on with one, in ASCII alone. */
function checkHeaders(message: Buffer): void {
  const end = message.indexOf('\r\n\r\n');
  const lines = message.toString('latin1', 0, end < 0 ? message.length : end).split('\r\n');
  if (lines.every((line) => /^(?:[!-9;-~]+:|[ \t])[\t -~]*$/.test(line))) return;
  throw new TielineError(
    'arguments_invalid',
    'a header of the mail cannot be written so that every mail server reads it',
    {
      hint: 'Use plain letters in addresses.',
    },
  );
}
