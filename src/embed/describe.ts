import type { Connector } from '../connector/connector.ts';
import type { JsonSchema } from '../connector/values.ts';

export type Description = {
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  readonly version: string;
  readonly entities: readonly {
    readonly name: string;
    readonly title: string;
    readonly actions: readonly {
      readonly name: string;
      readonly title: string;
      readonly summary: string;
      readonly tool: string;
      readonly effect: 'read' | 'idempotent' | 'create' | 'update';
      readonly destructive: boolean;
      readonly paramsSchema: JsonSchema;
    }[];
  }[];
};

/** What a connector can do, as a server tells it too. */
export function describe({ name, title, summary, version, definition, actions }: Connector): Description {
  return {
    name,
    title,
    summary,
    version,
    entities: Object.entries(definition.entities).map(([entity, spec]) => ({
      name: entity,
      title: spec.title,
      actions: actions
        .filter((it) => it.entity === entity)
        .map((it) => ({
          name: it.name,
          title: it.tool.title,
          summary: it.spec.summary,
          tool: it.tool.name,
          effect: it.spec.effect,
          destructive: it.spec.destructive,
          paramsSchema: it.args,
        })),
    })),
  };
}
