import type { Action } from '../connector/action.ts';
import { TielineError } from '../errors.ts';
import { type ConnectorScope, type Principal, SCOPES, type Scope, type ScopeGrain } from '../integration/principal.ts';
import type { Engine } from './engine.ts';

/** What the operator allows of one connector. Patterns name entity.action pairs; `*` stands for any characters. */
export type Policy = {
  readonly readOnly: boolean;
  /** Whether actions may be used that destroy what cannot be had back. */
  readonly destructive: boolean;
  /** Only these; absent is all. */
  readonly allow?: readonly string[] | undefined;
  readonly deny: readonly string[];
};

export const openPolicy: Policy = { readOnly: false, destructive: true, deny: [] };

/** Asked with every call, so kept: neither policies nor actions ever change. */
const decisions = new WeakMap<Policy, WeakMap<Action, boolean>>();

/** Whether the operator lets anybody use the action. */
export function isAllowed(policy: Policy, action: Action): boolean {
  const known = decisions.get(policy)?.get(action);
  if (known !== undefined) return known;
  const ofPolicy = decisions.get(policy) ?? new WeakMap<Action, boolean>();
  decisions.set(policy, ofPolicy);
  const isSo = decide(policy, action);
  ofPolicy.set(action, isSo);
  return isSo;
}

function decide(policy: Policy, action: Action): boolean {
  const pair = `${action.entity}.${action.name}`;
  const named = (patterns: readonly string[]) => patterns.some((it) => patternOf(it).test(pair));
  if (policy.readOnly && action.spec.effect !== 'read') return false;
  if (!policy.destructive && action.spec.destructive) return false;
  return !named(policy.deny) && (policy.allow === undefined || named(policy.allow));
}

function patternOf(glob: string): RegExp {
  const source = glob.split('*').map((it) => it.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${source.join('.*')}$`);
}

/** Throws `policy_denied` when the operator or the caller's own scopes rule the action out. */
export function checkPolicy(policy: Policy, who: Principal, action: Action): void {
  if (!isAllowed(policy, action)) {
    throw new TielineError('policy_denied', `${nameOf(action)} is switched off`, {
      hint: 'Whoever runs this server can allow it in config.yaml.',
    });
  }
  if (!hasScope(who.scopes, action)) {
    throw new TielineError('policy_denied', `${nameOf(action)} needs the scope ${neededScope(action)}`, {
      hint: 'Sign in again and allow it.',
    });
  }
}

const nameOf = ({ connector, entity, name }: Action): string => `${connector} ${entity}.${name}`;

/** Whether a caller with these scopes may run the action: by the one for all connectors, or by its connector's own. */
export const hasScope = (scopes: Principal['scopes'], action: Action): boolean =>
  scopes.has(wideScope(action)) || scopes.has(ownScope(action));

/** The scope to ask for so that a caller may run the action. */
export const neededScope = (action: Action, grain: ScopeGrain = 'wide'): Scope =>
  grain === 'wide' ? wideScope(action) : ownScope(action);

const wideScope = ({ spec }: Action): 'read' | 'write' => (spec.effect === 'read' ? 'read' : 'write');

const ownScopes = new WeakMap<Action, ConnectorScope>();

function ownScope(action: Action): ConnectorScope {
  const known = ownScopes.get(action);
  if (known !== undefined) return known;
  const scope: ConnectorScope = `${action.connector}:${wideScope(action)}`;
  ownScopes.set(action, scope);
  return scope;
}

/** Whether a caller with these scopes may see which accounts of a connector there are; without one, of any. */
export const mayList = (scopes: Principal['scopes'], connector?: string): boolean =>
  scopes.has('read') ||
  (connector === undefined ? [...scopes].some((it) => it.endsWith(':read')) : scopes.has(`${connector}:read`));

type Offer = Pick<Engine, 'catalog' | 'policy' | 'scopeGrain'>;

/** The scopes that clients may ask for, in order. Those of a connector only as far as there is something to do with them. */
export const supportedScopes = (engine: Offer): readonly Scope[] => [...SCOPES, ...connectorScopes(engine)];

/** The scopes of a client that has not said, or been told, what it needs: all that serve calls. */
export function usualScopes(engine: Offer): readonly Scope[] {
  const own = connectorScopes(engine);
  return own.length > 0 ? own : ['read', 'write'];
}

function connectorScopes({ catalog, policy, scopeGrain }: Offer): readonly ConnectorScope[] {
  if (scopeGrain !== 'per-connector') return [];
  return catalog.connectors.flatMap(({ name, actions }) => {
    const there = new Set(actions.filter((it) => isAllowed(policy(name), it)).map(ownScope));
    return [...there].sort();
  });
}
