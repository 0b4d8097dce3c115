import { type Config, readConfig } from '../config.ts';
import { loadCatalog } from '../connector/catalog.ts';
import type { Connector } from '../connector/connector.ts';
import { isTielineError, TielineError } from '../errors.ts';
import { checkAuditFile } from '../execute/auditfile.ts';
import { readAllIntegrations } from '../integration/accounts.ts';
import { localPrincipal } from '../integration/principal.ts';
import { openKeystore } from '../keystore/keystore.ts';
import { version } from '../version.ts';
import { listAccounts, troubles } from './integrations.ts';
import { auditFile, catalogSource, NAMELESS_ISSUER, openEngine } from './open.ts';
import { EXIT, print, told } from './output.ts';
import { publicUrl } from './publicurl.ts';
import { wrongClock } from './wrongclock.ts';

type Check = {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly code?: string;
  readonly hint?: string | undefined;
};

const UNNAMED_PROXY =
  'TIELINE_URL is https, which a proxy serves, and server.trustedProxies names none: all clients count as one address';

/** `tieline doctor`: everything a start needs, tried one by one. Gives the exit code. */
export async function doctor({ json }: { readonly json?: boolean }): Promise<number> {
  const checks: (Check & { readonly text: string })[] = [];
  const check = async <T>(name: string, work: () => Promise<{ detail: string; value?: T }>): Promise<T | undefined> => {
    try {
      const { detail, value } = await work();
      checks.push({ name, ok: true, detail, text: detail.replaceAll('\n', '\n  ') });
      return value;
    } catch (error) {
      if (!isTielineError(error)) throw error;
      const { code, message, hint } = error;
      checks.push({ name, ok: false, detail: message, code, hint, text: told(error) });
      return undefined;
    }
  };
  await check('version', async () => ({ detail: `tieline ${version}, node ${process.versions.node}` }));
  const config = await check('configuration', async () => {
    const value = await readConfig(process.env);
    const detail = `home ${value.home}, file ${value.file}`;
    const isBehind = publicUrl(process.env)?.startsWith('https:') && value.server.trustedProxies.length === 0;
    return { detail: isBehind ? `${detail}\n${UNNAMED_PROXY}` : detail, value };
  });
  if (config) {
    const names: string[] = [];
    const catalog = await check('connectors', () => checkConnectors(config, names));
    const signing = catalog?.connectors.filter(signsTokens).map((it) => it.name) ?? [];
    if (signing.length > 0) await check('signed tokens', () => checkIssuer(signing));
    const isOpen = await check('keystore', () => checkKeystore(config, names));
    if (isOpen) await check('audit', async () => checkAudit(config));
    if (isOpen) await check('clock', () => checkClock(config));
    if (isOpen) await check('accounts', checkAccounts);
  }
  const ok = checks.every((it) => it.ok);
  print({ ok, checks: checks.map(({ text, ...it }) => it) }, json, () =>
    checks.map((it) => `${it.ok ? 'ok  ' : 'FAIL'}  ${it.name}: ${it.text.replaceAll('\n', '\n    ')}`).join('\n'),
  );
  return ok ? EXIT.done : EXIT.failed;
}

/** Puts the names of those that can be used into `names`. */
async function checkConnectors(config: Config, names: string[]) {
  const source = await catalogSource(config);
  const problems: TielineError[] = [];
  const catalog = await loadCatalog(source, (problem) => void problems.push(problem));
  names.push(...catalog.connectors.map((it) => it.name));
  const [first] = problems;
  if (first) {
    const message = problems.map((it) => it.message).join('\n');
    throw new TielineError(first.code, message, { hint: problems.find((it) => it.hint !== undefined)?.hint });
  }
  return { detail: `${names.join(', ')}; ${catalog.tools.length} tools`, value: catalog };
}

const signsTokens = ({ options }: Connector): boolean =>
  [...options.values()].some(({ spec }) => spec.type === 'host_token');

/** What an API has to know to check the tokens that are signed for it. */
async function checkIssuer(connectors: readonly string[]) {
  const url = publicUrl(process.env);
  const who = `${connectors.join(', ')}: tokens of the issuer ${url ?? NAMELESS_ISSUER}`;
  return {
    detail:
      url === undefined
        ? `${who}, whose public keys are printed by: tieline keys jwks\nWith TIELINE_URL set to the address of tieline serve, that is the issuer and its keys are there to fetch.`
        : `${who}, whose public keys are at ${url}/.well-known/jwks.json`,
  };
}

async function checkKeystore({ home }: Config, connectors: readonly string[]) {
  const { keystore, storeUrl, driver, keySource, notice } = await openKeystore({ home, env: process.env });
  try {
    const all = [...(await readAllIntegrations(keystore, localPrincipal, connectors)).values()];
    const count = all.reduce((sum, it) => sum + it.items.length, 0);
    const detail = `${storeUrl} (${driver}), key from ${keySource}, ${count === 1 ? 'one account' : `${count} accounts`}`;
    const notes = [...(notice === undefined ? [] : [notice]), ...(await keystore.weaknesses())];
    return { detail: [detail, ...notes].join('\n'), value: true };
  } finally {
    await keystore.close();
  }
}

/** The home folder is there by then. */
function checkAudit(config: Config) {
  const file = auditFile(config);
  checkAuditFile(file);
  return { detail: file };
}

async function checkClock({ home }: Config) {
  const { keystore } = await openKeystore({ home, env: process.env });
  try {
    const wrong = wrongClock(await keystore.clockAhead());
    if (wrong) throw wrong;
    return { detail: 'agrees with that of the store' };
  } finally {
    await keystore.close();
  }
}

/** How each account is; one that only its owner can mend makes the check fail. */
async function checkAccounts() {
  const { engine, close } = await openEngine();
  try {
    const rows = await listAccounts(engine);
    const lost = rows.filter((it) => it.status === 'reauth_required');
    const lines = rows.map((it) => `${it.connector} ${it.identifier}: ${it.status}`);
    const detail = [lines.length === 0 ? 'none yet' : lines.join('\n'), ...rows.flatMap(troubles)].join('\n');
    if (lost.length === 0) return { detail };
    throw new TielineError('reauthorization_required', detail, { hint: lost[0]?.nextStep });
  } finally {
    await close();
  }
}
