import { constructFromEvents, EVENT_ID, type Event, getScalarValue, parseEvents, YAMLException } from 'js-yaml';

/** A place in a definition file, both 1-based. */
export type Position = { readonly line: number; readonly column: number };

export type Source = {
  readonly value: unknown;
  /** Where the value at `path` starts; of a missing one, where its nearest parent does. `key` asks for the key itself. */
  at(path: readonly PropertyKey[], part?: 'key' | 'value'): Position;
};

/** The first thing that makes a text no YAML document at all. */
export class SyntaxProblem extends Error {
  readonly position: Position;

  constructor(message: string, position: Position) {
    super(message);
    this.position = position;
  }
}

/**
 * Reads one YAML 1.2 document and remembers where each value stands. Aliases are refused: a few lines of them
 * can grow to gigabytes when a definition is serialised.
 */
export function parseSource(text: string): Source {
  let events: Event[];
  let value: unknown;
  try {
    events = parseEvents(text, { maxDepth: 60 });
    const documents = constructFromEvents(events, { source: text, maxAliases: 0 });
    if (documents.length !== 1) throw new SyntaxProblem('the file must hold exactly one YAML document', start);
    value = documents[0];
  } catch (error) {
    if (error instanceof YAMLException) {
      const { line = 0, column = 0 } = error.mark ?? {};
      throw new SyntaxProblem(error.reason, { line: line + 1, column: column + 1 });
    }
    throw error;
  }
  let index: Map<string, Places> | undefined;
  return {
    value,
    at(path, part = 'value') {
      index ??= indexPlaces(events, text);
      for (let length = path.length; length >= 0; length--) {
        const found = index.get(pathKey(path.slice(0, length)));
        if (found) return positionOf(text, length === path.length && part === 'key' ? found.key : found.value);
      }
      return start;
    },
  };
}

const start: Position = { line: 1, column: 1 };

type Places = { readonly key: number; readonly value: number };

const pathKey = (path: readonly PropertyKey[]): string => JSON.stringify(path.map(String));

/** Offsets by path, found by walking the parser's events. Only needed once something is wrong. */
function indexPlaces(events: readonly Event[], text: string): Map<string, Places> {
  const places = new Map<string, Places>();
  let next = 0;
  const node = (path: readonly string[], keyOffset?: number): void => {
    const event = events[next++];
    if (event === undefined) return;
    const offset = event.type === EVENT_ID.SCALAR ? event.valueStart : 'start' in event ? event.start : 0;
    places.set(pathKey(path), { key: keyOffset ?? offset, value: offset });
    if (event.type === EVENT_ID.SEQUENCE) {
      for (let i = 0; events[next] && events[next]?.type !== EVENT_ID.POP; i++) node([...path, String(i)]);
      next++;
    } else if (event.type === EVENT_ID.MAPPING) {
      while (events[next] && events[next]?.type !== EVENT_ID.POP) {
        const key = events[next++];
        if (key?.type !== EVENT_ID.SCALAR) return;
        node([...path, getScalarValue(text, key)], key.valueStart);
      }
      next++;
    }
  };
  if (events[next]?.type === EVENT_ID.DOCUMENT) next++;
  node([]);
  return places;
}

function positionOf(text: string, offset: number): Position {
  const before = text.slice(0, Math.max(0, offset));
  const line = before.split('\n').length;
  return { line, column: before.length - before.lastIndexOf('\n') };
}
