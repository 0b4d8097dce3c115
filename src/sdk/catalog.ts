/** What is filled in for the connectors that come with Tieline. */
// biome-ignore lint/suspicious/noEmptyInterface: declarations that are generated add to it
export interface ShippedConnectors {}

/**
 * Connectors of your own, for the compiler: `tieline connectors types` prints the declarations. One that is here takes
 * the place of a shipped one of its name.
 */
// biome-ignore lint/suspicious/noEmptyInterface: declarations that are generated add to it
export interface Connectors {}

/** Parameters by connector, entity and action. */
type Known = Omit<ShippedConnectors, keyof Connectors> & Connectors;

/** A connector that is known to the compiler, or any other name. */
export type ConnectorName = (keyof Known & string) | (string & {});

/** Entities of a connector; any text where the compiler does not know it. */
export type EntityName<C> = C extends keyof Known ? keyof Known[C] & string : string;

/** Actions of an entity; any text where the compiler does not know the connector. */
export type ActionName<C, E> = C extends keyof Known
  ? E extends keyof Known[C]
    ? keyof Known[C][E] & string
    : never
  : string;

/** Parameters of an action; any object where the compiler does not know the connector. */
export type Params<C, E, A> = C extends keyof Known
  ? E extends keyof Known[C]
    ? A extends keyof Known[C][E]
      ? Known[C][E][A]
      : never
    : never
  : Readonly<Record<string, unknown>>;

/** A JSON Schema (2020-12). */
export type JsonSchema = Readonly<Record<string, unknown>>;

export type ActionInfo = {
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  /** Its name as a tool, such as `gmail_messages_list`. */
  readonly tool: string;
  /** `idempotent` changes something, and twice is as once. */
  readonly effect: 'read' | 'idempotent' | 'create' | 'update';
  readonly destructive: boolean;
  readonly paramsSchema: JsonSchema;
};

export type EntityInfo = { readonly name: string; readonly title: string; readonly actions: readonly ActionInfo[] };

/** What a connector can do. */
export type ConnectorInfo = {
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  readonly version: string;
  readonly entities: readonly EntityInfo[];
};
