/** What a caller may do with all connectors: run reading actions, run the others, manage integrations. */
export const SCOPES = ['read', 'write', 'manage'] as const;

/** What a caller may do with one connector: run its reading actions, or the others. */
export type ConnectorScope = `${string}:${'read' | 'write'}`;

export type Scope = (typeof SCOPES)[number] | ConnectorScope;

/** Which scopes the operator has: those for all connectors only, or those for one connector beside them. */
export type ScopeGrain = 'wide' | 'per-connector';

/** Whether a text is a scope that may be held. That its connector is there is not asked: it comes and goes. */
export function isScope(text: unknown, grain: ScopeGrain = 'wide'): text is Scope {
  if ((SCOPES as readonly unknown[]).includes(text)) return true;
  return grain === 'per-connector' && typeof text === 'string' && /^[^\s:]+:(?:read|write)$/.test(text);
}

/** Who is calling now. */
export type Principal = {
  readonly organization: string;
  readonly user: string;
  readonly scopes: ReadonlySet<Scope>;
};

/** The person at this machine: everyone who may start the program and read its key. */
export const localPrincipal: Principal = {
  organization: 'local',
  user: 'local',
  scopes: new Set(SCOPES),
};
