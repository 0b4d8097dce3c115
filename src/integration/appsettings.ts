import type { Connector } from '../connector/connector.ts';
import type { Values } from '../connector/values.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { readApp } from './app.ts';
import { localPrincipal } from './principal.ts';

const NONE: Values = Object.freeze({});

type Merged = { readonly connector: Connector; readonly app: Values };

/**
 * Gives the parameters of a connector for an organization: its own set, else the operator's. They are never mixed: a
 * secret of the operator's would go to an address of the organization's. On one's own machine both are one person's, and
 * the operator's have the last word. The same value as long as neither changes.
 */
export function appSettings(
  keystore: Keystore,
  operators: (connector: string) => Values | undefined,
): (connector: Connector, organization: string) => Promise<Values> {
  const known = new WeakMap<Values, Map<string, Merged>>();
  const merge = (connector: Connector, organization: string, own: Values): Merged => {
    const given = operators(connector.name);
    const isLocal = organization === localPrincipal.organization;
    const app = isLocal ? { ...own, ...given } : Object.keys(own).length > 0 ? own : (given ?? NONE);
    return { connector, app };
  };
  return async (connector, organization) => {
    const own = await readApp(keystore, organization, connector.name);
    const byName = known.get(own) ?? new Map<string, Merged>();
    known.set(own, byName);
    let merged = byName.get(connector.name);
    if (merged?.connector !== connector) {
      merged = merge(connector, organization, own);
      byName.set(connector.name, merged);
    }
    return merged.app;
  };
}
