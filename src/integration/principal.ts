/** Who is calling now. */
export type Principal = {
  readonly organization: string;
  readonly user: string;
  /** What this caller may do: run reading actions, run the others, manage integrations. */
  readonly scopes: ReadonlySet<'read' | 'write' | 'manage'>;
};

/** The person at this machine: everyone who may start the program and read its key. */
export const localPrincipal: Principal = {
  organization: 'local',
  user: 'local',
  scopes: new Set(['read', 'write', 'manage']),
};
