import { BoundedMap, bound, sizeOfText } from '../bounded.ts';
import { isTielineError } from '../errors.ts';
import { labelOf } from '../label.ts';
import { withoutTokens } from '../tokenshape.ts';

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

export type Audit = {
  /** Gives a promise where the line is not written yet: whoever is answered after it, is so with the line in its place. Never fails. */
  write(record: AuditRecord): void | Promise<void>;
  /** Throws `audit_unavailable` while no call may run, as nothing could be kept of it. Absent where all may. */
  check?(): void;
  close(): Promise<void>;
};

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
  audit.check?.();
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
    const names = {
      connector: what.connector && shown(what.connector),
      entity: shown(what.entity),
      action: shown(what.action),
      integration: integration && shown(integration),
    };
    const written = audit.write({ at, organization, user, ...names, outcome, ms: now() - started });
    if (written) await written;
  }
}

const NAMES = bound({
  name: 'names in audit lines',
  entries: 10_000,
  bytes: 4 * 1024 * 1024,
  atBound: 'the name used longest ago is looked at again',
});
const names = new BoundedMap<string>(NAMES, sizeOfText);
const LONGEST_NAME = 256;
/** What is read of a name: a secret is looked for while it is whole. */
const LONGEST_READ = 4_096;

/** A name as a caller gave it, which may be anything: bounded, and without what is shaped like a secret. */
function shown(name: string): string {
  const known = names.get(name);
  if (known !== undefined) return known;
  const clean = labelOf(withoutTokens(name.slice(0, LONGEST_READ)), LONGEST_NAME);
  if (name.length <= LONGEST_NAME) names.set(name, clean);
  return clean;
}

export const noAudit: Audit = { write: () => {}, close: async () => {} };
