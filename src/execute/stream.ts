import { createParser } from 'eventsource-parser';
import type { RequestPlan } from '../connector/plan.ts';
import { isTielineError, TielineError } from '../errors.ts';
import type { Scripts } from '../expression/sandbox.ts';
import type { Scope } from '../expression/template.ts';
import { MOST_VALUES, parseUpstreamJson } from '../json.ts';
import type { OnData } from '../network/send.ts';

/** An event of a stream (WHATWG HTML §9.2), as expressions see it. */
export type StreamEvent = {
  /** `message` where the provider gave no type. */
  readonly event: string;
  readonly id?: string;
  /** Parsed where it is JSON, else the text. */
  readonly data: unknown;
};

export type StreamOptions = {
  /** Whether an event is the last one, whatever follows. */
  isLast?(event: StreamEvent): boolean;
  /** Told each event as it comes. */
  onEvent?(event: StreamEvent, count: number): void;
};

/** Reads an answer as events, also while it still comes. */
export type EventStream = {
  /** Takes a piece of the answer. True once the last event is there: what follows is not wanted. */
  take(chunk: Uint8Array): boolean;
  /** The events of the whole answer, up to the last one. */
  read(text: string): StreamEvent[];
};

/** Events of one answer, at most: as many are read in some milliseconds. */
const MOST_EVENTS = 20_000;

/** Throws `upstream_invalid` and `response_too_large` for more than may be read. */
export function openStream({ isLast, onEvent }: StreamOptions = {}): EventStream {
  let count = 0;
  let length: number | undefined;
  const decoder = new TextDecoder();
  const taken = reader();
  const parser = createParser({
    onEvent(message) {
      if (length !== undefined) return;
      const event = taken(message);
      count += 1;
      onEvent?.(event, count);
      if (isLast?.(event)) length = count;
    },
  });
  return {
    take(chunk) {
      parser.feed(decoder.decode(chunk, { stream: true }));
      return length !== undefined;
    },
    read(text) {
      const events: StreamEvent[] = [];
      const eventOf = reader();
      createParser({ onEvent: (it) => void events.push(eventOf(it)) }).feed(text);
      if (length !== undefined) return events.slice(0, length);
      // Nothing was taken on the way, as of an answer that came compressed.
      const end = count === 0 && isLast ? events.findIndex(isLast) : -1;
      return end < 0 ? events : events.slice(0, end + 1);
    },
  };
}

type Message = { readonly event?: string | undefined; readonly id?: string | undefined; readonly data: string };

/** Reads the events of one answer, which together may be as many values as another answer. */
function reader(): (message: Message) => StreamEvent {
  let count = 0;
  const left = { values: MOST_VALUES };
  const parsed = (text: string): unknown => {
    try {
      return parseUpstreamJson(text, { left });
    } catch (error) {
      if (isTielineError(error)) throw error;
      return text;
    }
  };
  return ({ event = 'message', id, data }) => {
    count += 1;
    if (count > MOST_EVENTS) throw tooMany();
    return { event, ...(id !== undefined && { id }), data: parsed(data) };
  };
}

const tooMany = (): TielineError =>
  new TielineError('response_too_large', `the provider answered with more than ${MOST_EVENTS} events`, {
    hint: 'Ask for less at a time.',
  });

/** The stream that a request of a definition reads. `shown` is what its expressions see of an event. */
export const streamOf = (
  { until }: NonNullable<RequestPlan['stream']>,
  scope: Scope,
  scripts: Scripts | undefined,
  onEvent?: StreamOptions['onEvent'],
  shown: (event: StreamEvent) => unknown = (event) => event,
): EventStream =>
  openStream({
    ...(until && { isLast: (event) => Boolean(until.evaluate({ ...scope, event: shown(event) }, scripts)) }),
    ...(onEvent && { onEvent }),
  });

/** What tells a stream the pieces of its answer. One that comes compressed is read at its end. */
export const watch =
  (stream: EventStream): OnData =>
  (chunk, { status, headers }) =>
    status < 300 && headers['content-encoding'] === undefined && isEventStream(headers) && stream.take(chunk);

/** Whether an answer says that it is a stream of events. */
export const isEventStream = (headers: Readonly<Record<string, string>>): boolean =>
  /^text\/event-stream\b/i.test(headers['content-type'] ?? '');
