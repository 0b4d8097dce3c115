import { MISHAPS } from './mishaps.ts';

export type Call = readonly [action: string, params: Readonly<Record<string, string>>];

const STATUSES = ['400', '401', '403', '404', '409', '422', '429', '500', '503'];

/** One of each way in which the mirror answers, but for those that take their time. */
export const CALLS: readonly Call[] = [
  ['echo', {}],
  ['computed', {}],
  ['file', {}],
  ['write', { text: 'hello' }],
  ...[...STATUSES, ...Object.keys(MISHAPS).filter((it) => it !== 'silent')].map((how): Call => ['fail', { how }]),
];

/** The few in which answers differ by how an account authenticates. */
export const FEW: readonly Call[] = CALLS.filter(
  ([action, { how = '' }]) => action !== 'fail' || /^(401|500|page|redirect)$/.test(how),
);

/** Ends by a timeout. */
export const SILENT: Call = ['fail', { how: 'silent' }];
