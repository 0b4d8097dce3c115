import type { Integration } from './integration.ts';

type Named = Pick<Integration, 'connector' | 'identifier'>;

/** Quoted for a shell where a name needs it. */
const quoted = (name: string): string => (/^[\w@.+-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`);

/** The command that connects an account under its identifier, joined to its flag where it would be taken for one. */
export const connectCommand = ({ connector, identifier }: Named): string =>
  `tieline connect ${connector} --identifier${identifier.startsWith('-') ? '=' : ' '}${quoted(identifier)}`;

/** The command that does something with an account that is there. */
export const integrationsCommand = (verb: 'enable', { connector, identifier }: Named): string =>
  `tieline integrations ${verb} ${connector} ${identifier.startsWith('-') ? '-- ' : ''}${quoted(identifier)}`;
