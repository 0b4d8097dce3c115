import type { Action } from '../connector/action.ts';
import { TielineError } from '../errors.ts';
import type { Principal, Scope } from '../integration/principal.ts';

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

/** Whether the operator lets anybody use the action. */
export function isAllowed(policy: Policy, action: Action): boolean {
  const pair = `${action.entity}.${action.name}`;
  const named = (patterns: readonly string[]) => patterns.some((it) => patternOf(it).test(pair));
  if (policy.readOnly && action.spec.effect !== 'read') return false;
  if (!policy.destructive && action.spec.destructive) return false;
  return !named(policy.deny) && (policy.allow === undefined || named(policy.allow));
}

/** Throws `policy_denied` when the operator or the caller's own scopes rule the action out. */
export function checkPolicy(policy: Policy, who: Principal, action: Action): void {
  const pair = `${action.connector} ${action.entity}.${action.name}`;
  if (!isAllowed(policy, action)) {
    throw new TielineError('policy_denied', `${pair} is switched off`, {
      hint: 'Whoever runs this server can allow it in config.yaml.',
    });
  }
  const needed = neededScope(action);
  if (!who.scopes.has(needed)) {
    throw new TielineError('policy_denied', `${pair} needs the scope ${needed}`, {
      hint: 'Sign in again and allow it.',
    });
  }
}

/** The scope that lets a caller run the action. */
export const neededScope = (action: Action): Scope => (action.spec.effect === 'read' ? 'read' : 'write');

const patterns = new Map<string, RegExp>();

function patternOf(glob: string): RegExp {
  let pattern = patterns.get(glob);
  if (!pattern) {
    const source = glob.split('*').map((it) => it.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
    pattern = new RegExp(`^${source.join('.*')}$`);
    patterns.set(glob, pattern);
  }
  return pattern;
}
