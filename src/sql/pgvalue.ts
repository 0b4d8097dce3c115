import type pg from 'pg';
import { parseUpstreamJson } from '../json.ts';
import { exact, isoTime, toJson } from './value.ts';

type Read = (text: string) => unknown;

const TEXT: Read = (text) => text;
const NUMBER: Read = (text) => toJson(Number(text));
const WHOLE: Read = (text) => exact(BigInt(text));
const JSON_TEXT: Read = (text) => parseUpstreamJson(text);
const BYTES: Read = (text) => toJson(Buffer.from(text.slice(2), 'hex'));

/** By the object ID of the type and that of its arrays (pg_type.dat); every other type stays the text it came as. */
const READERS: readonly (readonly [type: number, array: number, read: Read])[] = [
  [16, 1000, (text) => text === 't'],
  [17, 1001, BYTES],
  [20, 1016, WHOLE],
  [21, 1005, NUMBER],
  [23, 1007, NUMBER],
  [26, 1028, NUMBER],
  [700, 1021, NUMBER],
  [701, 1022, NUMBER],
  [114, 199, JSON_TEXT],
  [3802, 3807, JSON_TEXT],
  [1114, 1115, isoTime],
  [1184, 1185, isoTime],
  [25, 1009, TEXT],
  [1042, 1014, TEXT],
  [1043, 1015, TEXT],
  [1082, 1182, TEXT],
  [1700, 1231, TEXT],
  [2950, 2951, TEXT],
];

const TEXT_ARRAY: number = 1009;

export type PgTypes = typeof pg.types;

/** How values of PostgreSQL become JSON. The session has to write dates in ISO style and bytes in hex. */
export function pgReaders(types: PgTypes): (oid: number) => Read {
  const scalars = new Map(READERS.map(([oid, , read]) => [oid, read]));
  const arrays = new Map(READERS.map(([, oid, read]) => [oid, arrayOf(types, read)]));
  return (oid) => scalars.get(oid) ?? arrays.get(oid) ?? TEXT;
}

/** What the type is called, where it is one that every server has. */
export function pgTypeNames(types: PgTypes): (oid: number) => string | undefined {
  const names = new Map(Object.entries(types.builtins).map(([name, oid]) => [oid, name.toLowerCase()]));
  const arrays = new Map(READERS.map(([type, array]) => [array, `${names.get(type)}[]`]));
  return (oid) => names.get(oid) ?? arrays.get(oid);
}

/** Every array is written as one of texts is. */
function arrayOf(types: PgTypes, read: Read): Read {
  const texts = types.getTypeParser(TEXT_ARRAY as PgTypes['builtins'][keyof PgTypes['builtins']], 'text');
  const each = (item: unknown): unknown => {
    if (Array.isArray(item)) return item.map(each);
    return typeof item === 'string' ? read(item) : item;
  };
  return (text) => each(texts(text));
}
