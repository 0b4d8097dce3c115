import { type Loaded, readDefinition } from '../../src/connector/load.ts';
import type { Problem } from '../../src/connector/problem.ts';

/** The least a definition can say. */
export const sample = `format: 1
connector: demo
version: 1.0.0
title: Demo
summary: A demo API for tests.
server:
  baseUrl: https://api.example.com
auth:
  options:
    key:
      title: API key
      type: api_key
      name: X-Key
entities:
  items:
    title: Items
    actions:
      list:
        summary: All the items there are.
        effect: read
        request:
          path: /items
`;

/** The text with `part`, which it holds exactly once, replaced. Throws otherwise, so that no case tests nothing. */
export function replaced(text: string, part: string, by: string): string {
  const pieces = text.split(part);
  if (pieces.length !== 2) throw new Error(`${JSON.stringify(part)} stands there ${pieces.length - 1} times`);
  return pieces.join(by);
}

export function problemsOf(text: string): Problem[] {
  const read = readDefinition(text, 'connector.yaml');
  return 'problems' in read ? read.problems : [];
}

export function loadedFrom(text: string): Loaded {
  const read = readDefinition(text, 'connector.yaml');
  if ('problems' in read) throw new Error(JSON.stringify(read.problems));
  return read.loaded;
}

/** The rest of the line from a position on, by the line breaks of YAML. */
export function textAt(text: string, { line, column }: { line: number; column: number }): string | undefined {
  return text.split(/\r\n?|\n/)[line - 1]?.slice(column - 1);
}
