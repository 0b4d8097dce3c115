import { TielineError } from '../errors.ts';
import type { Engine } from '../execute/engine.ts';
import { isWebRedirect } from '../http/redirecturi.ts';
import { deleteUserWithAll } from '../http/userdata.ts';
import { createClientKey, listClientKeys, revokeClientKey } from '../integration/clientkey.ts';
import {
  listOrganizations,
  type Organization,
  readOrganization,
  unknownOrganization,
  updateOrganization,
} from '../integration/organization.ts';
import {
  createUser,
  disableUser,
  enableUser,
  findUser,
  listUsers,
  rotateUserSecret,
  type User,
  unknownUser,
} from '../integration/user.ts';
import { bootstrap } from './bootstrap.ts';
import { openEngine } from './open.ts';
import { print, printSecret, table } from './output.ts';

export type OrganizationOption = { readonly organization?: string; readonly json?: boolean };

/** `tieline users bootstrap` */
export const start = ({ name, json }: { name: string; json?: boolean }): Promise<void> =>
  within(async (engine) => {
    const made = await bootstrap(engine, { name });
    printSecret(made, json, () =>
      [
        `Organization ${made?.organization} (${name}) was made. Its client API key, shown this once:`,
        `\n  ${made?.clientKey}\n`,
        'Register users with it: POST /api/v1/users',
      ].join('\n'),
    );
  });

/** `tieline users list` */
export const list = ({ organization: wanted, json }: OrganizationOption): Promise<void> =>
  within(async (engine) => {
    const { id } = await organizationOf(engine, wanted);
    const users: User[] = [];
    for (let after: Parameters<typeof listUsers>[2]['after'] | 'first' = 'first'; after !== undefined; ) {
      const page = await listUsers(engine.keystore, id, { limit: 100, after: after === 'first' ? undefined : after });
      users.push(...page.users);
      after = page.next;
    }
    const rows = users.map(shown);
    print(rows, json, () =>
      rows.length === 0
        ? 'There are no users yet. Make one with: tieline users create <identifier>'
        : table(
            ['ID', 'IDENTIFIER', 'STATUS', 'CREATED'],
            rows.map((it) => [it.id, it.identifier, it.status, it.createdAt.slice(0, 10)]),
          ),
    );
  });

/** `tieline users create <identifier>` */
export const create = (identifier: string, { organization: wanted, json }: OrganizationOption): Promise<void> =>
  within(async (engine) => {
    const { id } = await organizationOf(engine, wanted);
    const { user, secret } = await createUser(engine.keystore, id, identifier, engine.now());
    printSecret(
      { ...shown(user), secret },
      json,
      () => `User ${identifier} was made. The secret, shown this once:\n\n  ${secret}`,
    );
  });

/** `tieline users rotate <identifier>` */
export const rotate = (identifier: string, options: OrganizationOption): Promise<void> =>
  withUser(identifier, options, async (engine, user) => {
    const { secret } = await rotateUserSecret(engine.keystore, user, engine.now());
    const done = `The old secret of ${identifier} and its tokens have ended. The new one, shown this once:\n\n  ${secret}`;
    return { ...shown(user), secret, done };
  });

/** `tieline users disable <identifier>` */
export const disable = (identifier: string, options: OrganizationOption): Promise<void> =>
  withUser(identifier, options, async (engine, user) => ({
    ...shown(await disableUser(engine.keystore, user, engine.now())),
    done: `${identifier} is served nothing until enabled again.`,
  }));

/** `tieline users enable <identifier>` */
export const enable = (identifier: string, options: OrganizationOption): Promise<void> =>
  withUser(identifier, options, async (engine, user) => ({
    ...shown(await enableUser(engine.keystore, user)),
    done: `${identifier} is served again.`,
  }));

/** `tieline users delete <identifier>` */
export const remove = (identifier: string, options: OrganizationOption): Promise<void> =>
  withUser(identifier, options, async (engine, user) => {
    await deleteUserWithAll(engine, user);
    return { id: user.id, identifier, deleted: true, done: `${identifier} is deleted, with all integrations.` };
  });

/** `tieline organizations list` */
export const organizations = ({ json }: { json?: boolean }): Promise<void> =>
  within(async (engine) => {
    const { organizations: all } = await listOrganizations(engine.keystore, { limit: 1_000 });
    print(all, json, () =>
      all.length === 0
        ? 'There is no organization yet. Make one with: tieline users bootstrap'
        : table(
            ['ID', 'NAME', 'REDIRECT URLS'],
            all.map((it) => [it.id, it.name, it.redirectUrls.join(' ')]),
          ),
    );
  });

/** `tieline organizations redirect <url>`: one more address browsers may be sent to after a connect flow. */
export const redirect = (url: string, { organization: wanted, json }: OrganizationOption): Promise<void> =>
  within(async (engine) => {
    if (!isWebRedirect(url)) {
      throw new TielineError('usage', `${url} is neither an https address nor one of http on this machine`, {
        hint: 'Write it as in https://app.example.com/done',
      });
    }
    const { id, redirectUrls } = await organizationOf(engine, wanted);
    const changed = await updateOrganization(engine.keystore, id, {
      redirectUrls: [...new Set([...redirectUrls, url])],
    });
    print(changed, json, () => `Browsers may be sent to ${url} after a connect flow.`);
  });

/** `tieline keys create <name>` */
export const createKey = (name: string, { organization: wanted, json }: OrganizationOption): Promise<void> =>
  within(async (engine) => {
    const { id } = await organizationOf(engine, wanted);
    const { record, text } = await createClientKey(engine.keystore, { name, organizations: [id], now: engine.now() });
    printSecret(
      { id: record.id, organization: id, key: text },
      json,
      (it) => `Client API key, shown this once:\n\n  ${it.key}`,
    );
  });

/** `tieline keys list` */
export const listKeys = ({ organization: wanted, json }: OrganizationOption): Promise<void> =>
  within(async (engine) => {
    const { id } = await organizationOf(engine, wanted);
    const rows = (await listClientKeys(engine.keystore, id)).map(({ hash: _, ...it }) => it);
    print(rows, json, () =>
      table(
        ['ID', 'NAME', 'CREATED'],
        rows.map((it) => [it.id, it.name, new Date(it.createdAt).toISOString().slice(0, 10)]),
      ),
    );
  });

/** `tieline keys revoke <id>` */
export const revokeKey = (key: string, { organization: wanted, json }: OrganizationOption): Promise<void> =>
  within(async (engine) => {
    const { id } = await organizationOf(engine, wanted);
    if (!(await revokeClientKey(engine.keystore, id, key))) {
      throw new TielineError('not_found', `there is no client API key ${key}`, { hint: 'See: tieline keys list' });
    }
    print({ id: key, revoked: true }, json, () => `The key ${key} is no longer good.`);
  });

const shown = ({ id, identifier, createdAt, disabledAt }: User) => ({
  id,
  identifier,
  status: disabledAt === undefined ? 'active' : 'disabled',
  createdAt: new Date(createdAt).toISOString(),
});

/** The one named, or the only one there is. */
async function organizationOf({ keystore }: Engine, id: string | undefined): Promise<Organization> {
  if (id !== undefined) {
    const found = await readOrganization(keystore, id);
    if (found) return found;
    throw unknownOrganization(id);
  }
  const { organizations: all } = await listOrganizations(keystore, { limit: 20 });
  const [only, ...others] = all;
  if (only && others.length === 0) return only;
  throw only
    ? new TielineError('organization_required', 'there are several organizations', {
        hint: `Name one with --organization: ${all.map((it) => `${it.id} (${it.name})`).join(', ')}`,
      })
    : new TielineError('organization_required', 'there is no organization yet', {
        hint: 'Make one with: tieline users bootstrap',
      });
}

async function within(work: (engine: Engine) => Promise<void>): Promise<void> {
  const { engine, close } = await openEngine();
  try {
    await work(engine);
  } finally {
    await close();
  }
}

/** Does something with a user and prints what came of it; what it gives may hold a secret that is shown this once. */
export const withUser = <T extends { done: string }>(
  identifier: string,
  { organization: wanted, json }: OrganizationOption,
  work: (engine: Engine, user: User) => Promise<T>,
): Promise<void> =>
  within(async (engine) => {
    const { id } = await organizationOf(engine, wanted);
    const user = await findUser(engine.keystore, id, identifier);
    if (!user) throw unknownUser(identifier);
    const { done, ...facts } = await work(engine, user);
    printSecret(facts, json, () => done);
  });
