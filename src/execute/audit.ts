import { createWriteStream, type WriteStream } from 'node:fs';
import { TielineError } from '../errors.ts';

/** What is kept of one call: who did what with which account, and how it ended. No arguments, no results. */
export type AuditRecord = {
  readonly at: string;
  readonly organization: string;
  readonly user: string;
  readonly connector: string;
  readonly entity: string;
  readonly action: string;
  readonly integration?: string | undefined;
  /** `ok` or an error code. */
  readonly outcome: string;
  readonly ms: number;
};

export type Audit = { write(record: AuditRecord): void; close(): Promise<void> };

/** One JSON line a call, in a file only its owner can read. */
export function fileAudit(file: string, onError: (error: Error) => void): Audit {
  let stream: WriteStream | undefined;
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
      stream.write(`${JSON.stringify(record)}\n`);
    },
    close: () => new Promise((resolve) => (stream ? stream.end(() => resolve()) : resolve())),
  };
}

export const noAudit: Audit = { write: () => {}, close: async () => {} };
