import { createWriteStream, type WriteStream } from 'node:fs';
import { isTielineError, TielineError } from '../errors.ts';

/**
 * What is kept of one call: who did what with which account, and how it ended. No arguments, no results. Of a tool for
 * the accounts themselves `entity` is `integrations`, and `action` such as `connect`.
 */
export type AuditRecord = {
  readonly at: string;
  readonly organization: string;
  readonly user: string;
  /** Absent where it is about all of them. */
  readonly connector?: string | undefined;
  readonly entity: string;
  readonly action: string;
  readonly integration?: string | undefined;
  /** `ok` or an error code. */
  readonly outcome: string;
  readonly ms: number;
};

export type Audit = { write(record: AuditRecord): void; close(): Promise<void> };

type Noted = Pick<AuditRecord, 'connector' | 'entity' | 'action'>;

/**
 * Runs what a line is kept of, however it ends. The work tells which account it is about once that is known, and
 * `outcomeOf` what became of it where it does not fail.
 */
export async function audited<Result>(
  { audit, now }: { readonly audit: Audit; readonly now: () => number },
  { organization, user }: Pick<AuditRecord, 'organization' | 'user'>,
  what: Noted,
  work: (note: (account: { readonly identifier: string }) => void) => Promise<Result>,
  outcomeOf: (result: Result) => string = () => 'ok',
): Promise<Result> {
  const started = now();
  let integration: string | undefined;
  let outcome = 'internal';
  try {
    const result = await work(({ identifier }) => {
      integration = identifier;
    });
    outcome = outcomeOf(result);
    return result;
  } catch (error) {
    if (isTielineError(error)) outcome = error.code;
    throw error;
  } finally {
    const at = new Date(started).toISOString();
    audit.write({ at, organization, user, ...what, integration, outcome, ms: now() - started });
  }
}

/** How long a line may wait for others to be written with, in milliseconds: a write costs as much as the call itself. */
const GATHER_MS = 20;

/** One JSON line a call, in a file only its owner can read. */
export function fileAudit(file: string, onError: (error: Error) => void): Audit {
  let stream: WriteStream | undefined;
  let lines = '';
  const flush = () => {
    const gathered = lines;
    lines = '';
    if (gathered !== '') stream?.write(gathered);
  };
  return {
    write(record) {
      if (!stream) {
        stream = createWriteStream(file, { flags: 'a', mode: 0o600 });
        stream.on('error', (cause) =>
          onError(
            new TielineError('store_unavailable', 'the audit log cannot be written', { cause, hint: `Check ${file}` }),
          ),
        );
      }
      if (lines === '') setTimeout(flush, GATHER_MS);
      lines += `${JSON.stringify(record)}\n`;
    },
    close: () =>
      new Promise((resolve) => {
        flush();
        if (stream) stream.end(() => resolve());
        else resolve();
      }),
  };
}

export const noAudit: Audit = { write: () => {}, close: async () => {} };
