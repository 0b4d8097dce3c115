import { readConfig } from '../config.ts';
import { loadCatalog } from '../connector/catalog.ts';
import { isTielineError } from '../errors.ts';
import { readAllIntegrations } from '../integration/accounts.ts';
import { localPrincipal } from '../integration/principal.ts';
import { openKeystore } from '../keystore/keystore.ts';
import { version } from '../version.ts';
import { shippedConnectors } from './open.ts';
import { EXIT, print } from './output.ts';

type Check = {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly hint?: string | undefined;
};

/** `tieline doctor`: everything a start needs, tried one by one. Gives the exit code. */
export async function doctor({ json }: { readonly json?: boolean }): Promise<number> {
  const checks: Check[] = [{ name: 'version', ok: true, detail: `tieline ${version}, node ${process.versions.node}` }];
  const check = async (name: string, work: () => Promise<string>) => {
    try {
      checks.push({ name, ok: true, detail: await work() });
    } catch (error) {
      if (!isTielineError(error)) throw error;
      checks.push({ name, ok: false, detail: `${error.message} [${error.code}]`, hint: error.hint });
    }
  };
  let names: string[] = [];
  await check('configuration', async () => {
    const { home, file } = await readConfig(process.env);
    return `home ${home}, file ${file}`;
  });
  await check('connectors', async () => {
    const config = await readConfig(process.env);
    const folders = [shippedConnectors, ...config.folders];
    const catalog = await loadCatalog({ folders, enabled: config.enabled, named: Object.keys(config.connectors) });
    names = catalog.connectors.map((it) => it.name);
    return `${names.join(', ')}; ${catalog.tools.length} tools`;
  });
  await check('keystore', async () => {
    const { home } = await readConfig(process.env);
    const { keystore, storeUrl, driver, keySource } = await openKeystore({ home, env: process.env });
    try {
      const all = [...(await readAllIntegrations(keystore, localPrincipal, names)).values()];
      const count = all.reduce((sum, it) => sum + it.items.length, 0);
      return `${storeUrl} (${driver}), key from ${keySource}, ${count} integrations`;
    } finally {
      await keystore.close();
    }
  });
  const ok = checks.every((it) => it.ok);
  print({ ok, checks }, json, () =>
    checks
      .map(
        (it) =>
          `${it.ok ? 'ok  ' : 'FAIL'}  ${it.name}: ${it.detail}${it.hint === undefined ? '' : `\n      ${it.hint}`}`,
      )
      .join('\n'),
  );
  return ok ? EXIT.done : EXIT.failed;
}
