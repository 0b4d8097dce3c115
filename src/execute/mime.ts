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

/** Builds a message from plain fields. Throws `arguments_invalid` when a field could add a header of its own. */
export async function buildMime(fields: Fields): Promise<MimeMessage> {
  // Loaded on first use: most calls never build a mail.
  const { default: MailComposer } = await import('nodemailer/lib/mail-composer/index.js');
  const { attachments = [], ...rest } = fields;
  const files = [attachments].flat().map(asFile);
  const { text: _, html: __, ...headers } = rest;
  const ofFiles = { 'a file name': files.map((it) => it.name), 'a file type': files.map(mimeTypeOf) };
  for (const [name, value] of Object.entries({ ...headers, ...ofFiles })) {
    if ([value].flat().some((it) => typeof it === 'string' && /[\r\n\0]/.test(it))) {
      throw new TielineError('arguments_invalid', `${name} cannot hold a line break`);
    }
  }
  const composer = new MailComposer({
    ...(rest as object),
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
  return { base64url: (await message.build()).toString('base64url'), messageId: message.messageId() };
}
