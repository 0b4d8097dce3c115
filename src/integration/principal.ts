/** What a caller may do: run reading actions, run the others, manage integrations. */
export const SCOPES = ['read', 'write', 'manage'] as const;

export type Scope = (typeof SCOPES)[number];

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
