import type { Credential } from '../auth/credential.ts';
import type { SigningKeys } from '../auth/signingkeys.ts';
import type { Spool } from '../auth/spool.ts';
import type { Catalog } from '../connector/catalog.ts';
import type { Values } from '../connector/values.ts';
import type { Principal, ScopeGrain } from '../integration/principal.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { Sender } from '../network/send.ts';
import type { Admission } from './admission.ts';
import type { Audit } from './audit.ts';
import type { Policy } from './policy.ts';
import type { OpenSql } from './sql.ts';

/** Everything a call needs. One per process; all callers share it. */
export type Engine = {
  /** Replaced as a whole when definitions change. */
  catalog: Catalog;
  readonly keystore: Keystore;
  /** Where refreshed credentials wait for a store that is away. Absent where there is no data folder. */
  readonly spool?: Spool | undefined;
  readonly sender: Sender;
  /** By default only public hosts, and no files. */
  readonly sql?: OpenSql | undefined;
  /** For tokens of Tieline's own. Absent where none are signed. */
  readonly signingKeys?: SigningKeys | undefined;
  readonly audit: Audit;
  /** Default: the one of this process. */
  readonly admission?: Admission | undefined;
  readonly policy: (connector: string) => Policy;
  /** Which scopes clients are offered. `wide` by default. */
  readonly scopeGrain?: ScopeGrain | undefined;
  /** Parameters of a connector for an organization, such as its OAuth client. Its own come before the operator's. */
  readonly app: (connector: string, organization: string) => Promise<Values>;
  /** Given the credential of an account each time before it is used, for whoever keeps it elsewhere. A failure ends the call. */
  readonly onCredential?: ((credential: Credential) => Promise<void>) | undefined;
  /** To be called when the integrations of a user have changed, and with them their tools. */
  readonly changed?: ((who: Pick<Principal, 'organization' | 'user'>) => void) | undefined;
  /** Epoch milliseconds. */
  readonly now: () => number;
};
