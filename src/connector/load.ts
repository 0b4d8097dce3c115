import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { z } from 'zod';
import { TielineError } from '../errors.ts';
import { type Definition, definition } from './definition.ts';
import { at, definitionError, explain, type Problem } from './problem.ts';
import { parseSource, type Source, SyntaxProblem } from './source.ts';

/** A definition that keeps the schema, and the text it came from. */
export type Loaded = { readonly definition: Definition; readonly source: Source; readonly file: string };

const LARGEST_FILE = 1024 * 1024;

/** Reads a definition from text. Pure; gives either the definition or every problem of the text at once. */
export function readDefinition(text: string, file: string): { loaded: Loaded } | { problems: Problem[] } {
  let source: Source;
  try {
    source = parseSource(text);
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error;
    return { problems: [at(file, error.position, 'yaml', error.message)] };
  }
  const parsed = definition.safeParse(source.value);
  if (parsed.success) return { loaded: { definition: parsed.data, source, file } };
  const problems = explain(parsed.error, source.value, (path) => keysAt(path, source.value)).map((it) => at(file, source.at(it.path, it.part), 'format', it.message));
  return { problems };
}

/** Reads one `connector.yaml`. Throws `definition_invalid` with file, line and column of every problem. */
export async function loadDefinition(file: string): Promise<Loaded> {
  if ((await stat(file)).size > LARGEST_FILE) {
    throw new TielineError('definition_invalid', `${file} is larger than 1 MB`);
  }
  const read = readDefinition(await readFile(file, 'utf8'), relative(process.cwd(), file) || file);
  if ('problems' in read) throw definitionError(read.problems);
  return read.loaded;
}

/** The `connector.yaml` files one level below each folder, by name. A folder that is not there has none. */
export async function definitionFiles(folders: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const folder of folders) {
    const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') throw new TielineError('config_invalid', `there is no folder ${folder}`);
      throw error;
    });
    for (const entry of entries.filter((it) => it.isDirectory()).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const file = join(folder, entry.name, 'connector.yaml');
      if (await stat(file).then((it) => it.isFile(), () => false)) files.push(file);
    }
  }
  return files;
}

/** The format as JSON Schema 2020-12, for editors. */
export function formatSchema(): Record<string, unknown> {
  return z.toJSONSchema(definition, { io: 'input', unrepresentable: 'any' });
}

let format: SchemaNode | undefined;
type SchemaNode = {
  properties?: Record<string, SchemaNode>;
  additionalProperties?: SchemaNode | boolean;
  items?: SchemaNode;
  anyOf?: SchemaNode[];
  oneOf?: SchemaNode[];
};

/** The keys that the format allows at a path. */
function keysAt(path: readonly PropertyKey[]): readonly string[] {
  format ??= formatSchema() as SchemaNode;
  let nodes = spread([format]);
  for (const part of path) {
    nodes = spread(
      nodes.flatMap((node) => {
        if (typeof part === 'number') return node.items ? [node.items] : [];
        const named = node.properties?.[String(part)];
        if (named) return [named];
        return typeof node.additionalProperties === 'object' ? [node.additionalProperties] : [];
      }),
    );
  }
  return [...new Set(nodes.flatMap((node) => Object.keys(node.properties ?? {})))];
}

const spread = (nodes: readonly SchemaNode[]): SchemaNode[] =>
  nodes.flatMap((node) => [node, ...spread([...(node.anyOf ?? []), ...(node.oneOf ?? [])])]);
