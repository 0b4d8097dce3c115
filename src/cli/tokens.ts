import { TielineError } from '../errors.ts';
import { supportedScopes } from '../execute/policy.ts';
import {
  createPersonalToken,
  listPersonalTokens,
  type PersonalToken,
  revokePersonalToken,
} from '../integration/personaltoken.ts';
import type { Scope } from '../integration/principal.ts';
import { table } from './output.ts';
import { type OrganizationOption, withUser } from './users.ts';

const DAY = 24 * 60 * 60_000;
const MOST_DAYS = 366;

export type CreateOptions = OrganizationOption & { readonly scopes: string; readonly days: string };

/** `tieline tokens create <identifier> <name>` */
export const create = (identifier: string, name: string, options: CreateOptions): Promise<void> => {
  const days = readDays(options.days);
  return withUser(identifier, options, async (engine, user) => {
    const { keystore, now } = engine;
    const scopes = readScopes(options.scopes, supportedScopes(engine));
    const wanted = { name, scopes, expiresAt: now() + days * DAY, now: now() };
    const { record, text } = await createPersonalToken(keystore, user, wanted);
    const done = `Token of ${identifier} for ${name}, shown this once:\n\n  ${text}`;
    return { ...shown(record), token: text, done };
  });
};

/** `tieline tokens list <identifier>` */
export const list = (identifier: string, options: OrganizationOption): Promise<void> =>
  withUser(identifier, options, async ({ keystore }, user) => {
    const tokens = (await listPersonalTokens(keystore, user)).map(shown);
    const rows = tokens.map((it) => [it.id, it.name, it.scopes.join(' '), it.expiresAt.slice(0, 10)]);
    const done = rows.length === 0 ? 'There are none.' : table(['ID', 'NAME', 'SCOPES', 'GOOD UNTIL'], rows);
    return { tokens, done };
  });

/** `tieline tokens revoke <identifier> <id>` */
export const revoke = (identifier: string, id: string, options: OrganizationOption): Promise<void> =>
  withUser(identifier, options, async ({ keystore }, user) => {
    if (!(await revokePersonalToken(keystore, user, id))) {
      throw new TielineError('not_found', `${identifier} has no token ${id}`, {
        hint: `See them with: tieline tokens list ${identifier}`,
      });
    }
    return { id, revoked: true, done: `The token ${id} is no longer good.` };
  });

function readScopes(text: string, supported: readonly Scope[]): readonly Scope[] {
  const names = text.split(/[\s,]+/).filter((it) => it !== '');
  const scopes = supported.filter((it) => names.includes(it));
  if (scopes.length > 0 && scopes.length === new Set(names).size) return scopes;
  throw new TielineError('usage', `--scopes are not scopes: ${text}`, { hint: `Choose from: ${supported.join(',')}` });
}

function readDays(text: string): number {
  const days = Number(text);
  if (/^\d+$/.test(text) && days >= 1 && days <= MOST_DAYS) return days;
  throw new TielineError('usage', `--days is not a number from 1 to ${MOST_DAYS}: ${text}`);
}

const shown = ({ id, name, scopes, createdAt, expiresAt }: PersonalToken) => ({
  id,
  name,
  scopes,
  createdAt: new Date(createdAt).toISOString(),
  expiresAt: new Date(expiresAt).toISOString(),
});
