import {
  constructFromEvents,
  EVENT_ID,
  type Event,
  getScalarValue,
  parseEvents,
  SCALAR_STYLE,
  type ScalarEvent,
  YAMLException,
} from 'js-yaml';

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
 * Reads one YAML 1.2 document and remembers where each value stands. Anchors and aliases are refused: a few lines of
 * them can grow to gigabytes when a definition is serialised.
 */
export function parseSource(text: string): Source {
  const positionOf = positions(text);
  try {
    const events = parseEvents(text, { maxDepth: 60 });
    const root = findPlaces(events, text, (message, offset) => {
      throw new SyntaxProblem(message, positionOf(offset));
    });
    const [value] = constructFromEvents(events, { source: text });
    return {
      value,
      at(path, part = 'value') {
        let place = root;
        for (const [i, name] of path.entries()) {
          const inner = place.inside.get(String(name));
          if (!inner) break;
          place = inner;
          if (part === 'key' && i === path.length - 1) return positionOf(place.key);
        }
        return positionOf(place.value);
      },
    };
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    throw new SyntaxProblem(error.reason, positionOf(error.mark?.position ?? 0));
  }
}

/** Offsets into the text. */
type Place = { readonly key: number; readonly value: number; readonly inside: Map<string, Place> };

/** Walks the parser's events, and refuses what YAML allows and a definition does not. */
function findPlaces(events: readonly Event[], text: string, refuse: (message: string, offset: number) => never): Place {
  let next = 0;
  /** `near` is where a value that is not written out would stand. */
  const node = (near: number, key?: number): Place => {
    const event = events[next++];
    if (event === undefined || event.type === EVENT_ID.DOCUMENT || event.type === EVENT_ID.POP) {
      return refuse('there is no YAML document in the file', 0);
    }
    if (event.type === EVENT_ID.ALIAS || event.anchorStart >= 0) {
      const what = event.type === EVENT_ID.ALIAS ? '`*` starts a YAML alias' : '`&` starts a YAML anchor';
      return refuse(
        `${what}, and definitions have none; a text that starts with it needs quotes`,
        event.anchorStart - 1,
      );
    }
    const value = (event.type === EVENT_ID.SCALAR ? startOf(event, text) : event.start) ?? near;
    const place: Place = { key: key ?? value, value, inside: new Map() };
    if (event.type === EVENT_ID.SCALAR) return place;
    for (let i = 0; events[next]?.type !== EVENT_ID.POP; i++) {
      if (event.type === EVENT_ID.SEQUENCE) {
        place.inside.set(String(i), node(value));
        continue;
      }
      const name = events[next];
      const start = node(value).value;
      if (name?.type !== EVENT_ID.SCALAR || name.valueStart < 0) return refuse('a key must be a text', start);
      const word = getScalarValue(text, name);
      if (place.inside.has(word)) refuse(`the key \`${word}\` stands here twice`, start);
      place.inside.set(word, node(start, start));
    }
    next++;
    return place;
  };
  if (events[0]?.type === EVENT_ID.DOCUMENT) next++;
  const root = node(0);
  next += 2;
  if (next < events.length)
    refuse('the file must hold one YAML document, and here starts another', node(text.length).value);
  return root;
}

/** Where a scalar starts, its quote included. Undefined when nothing is written. */
function startOf({ style, valueStart, valueEnd }: ScalarEvent, text: string): number | undefined {
  if (style === SCALAR_STYLE.SINGLE_QUOTED || style === SCALAR_STYLE.DOUBLE_QUOTED) return valueStart - 1;
  const blank = valueStart < 0 ? -1 : text.slice(valueStart, valueEnd).search(/\S/);
  return blank < 0 ? undefined : valueStart + blank;
}

/** Turns offsets into positions. Only needed once something is wrong. */
function positions(text: string): (offset: number) => Position {
  let starts: readonly number[] | undefined;
  return (offset) => {
    starts ??= [0, ...[...text.matchAll(/\r\n?|\n/g)].map((it) => it.index + it[0].length)];
    let line = 0;
    let end = starts.length;
    while (end - line > 1) {
      const middle = (line + end) >> 1;
      if (starts[middle]! <= offset) line = middle;
      else end = middle;
    }
    return { line: line + 1, column: offset - starts[line]! + 1 };
  };
}
