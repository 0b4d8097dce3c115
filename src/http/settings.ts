import type { Connector } from '../connector/connector.ts';
import { propertiesOf } from '../connector/schemalint.ts';
import type { Values } from '../connector/values.ts';

/**
 * Settings of an integration as a program sends them. `"true"` and `"false"` are taken for a setting that is true or
 * false: they are what a template gives whose placeholder stands in quotes. Nothing is checked here.
 */
export function readSettings({ settings }: Connector, given: Values | undefined): Values | undefined {
  if (!settings || !given) return given;
  const fields = propertiesOf(settings);
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => {
      const isBoolean = Object.hasOwn(fields, name) && (fields[name] as { type?: unknown } | null)?.type === 'boolean';
      return [name, isBoolean && (value === 'true' || value === 'false') ? value === 'true' : value];
    }),
  );
}
