import type { Catalog } from '../connector/catalog.ts';
import type { Values } from '../connector/values.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { Sender } from '../network/send.ts';
import type { Audit } from './audit.ts';
import type { Policy } from './policy.ts';
import type { OpenSql } from './sql.ts';

/** Everything a call needs. One per process; all callers share it. */
export type Engine = {
  /** Replaced as a whole when definitions change. */
  catalog: Catalog;
  readonly keystore: Keystore;
  readonly sender: Sender;
  /** By default only public hosts, and no files. */
  readonly sql?: OpenSql | undefined;
  readonly audit: Audit;
  readonly policy: (connector: string) => Policy;
  /** The operator's parameters of a connector, such as its OAuth client. */
  readonly app: (connector: string) => Promise<Values>;
  /** Epoch milliseconds. */
  readonly now: () => number;
};
