import type { Connector } from './connector.ts';
import type { Loaded } from './load.ts';
import { at, type Problem } from './problem.ts';

/** Options whose other connector is missing among those known, or has no account that could authenticate for them. */
export function lintProxies({ definition, file, source }: Loaded, known: readonly Connector[]): Problem[] {
  return Object.entries(definition.auth.options).flatMap(([key, option]) => {
    if (option.type !== 'proxy') return [];
    const message = problemOf(definition.connector, option.connector, known);
    return message === undefined ? [] : [at(file, source.at(['auth', 'options', key, 'connector']), 'proxy', message)];
  });
}

function problemOf(own: string, name: string, known: readonly Connector[]): string | undefined {
  if (name === own) return 'names this connector itself';
  const target = known.find((it) => it.name === name);
  if (!target) return `there is no connector ${name}`;
  if (target.transport !== 'http') return `${name} makes no HTTP requests`;
  const isDirect = [...target.options.values()].some((it) => it.spec.type !== 'proxy');
  return isDirect ? undefined : `${name} has only accounts that use another one themselves`;
}
