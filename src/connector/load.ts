import { readFile, stat } from 'node:fs/promises';
import { relative } from 'node:path';
import { z } from 'zod';
import { type Definition, definition } from './definition.ts';
import { at, definitionError, explain, inOrder, type Problem } from './problem.ts';
import { findDangling } from './reference.ts';
import { methodsOf } from './script.ts';
import { NoScript, readScript } from './scriptfile.ts';
import { parseSource, type Source, SyntaxProblem } from './source.ts';

/** A definition that keeps the schema, and the text it came from. */
export type Loaded = { readonly definition: Definition; readonly source: Source; readonly file: string };

const LARGEST_FILE = 1024 * 1024;

type Read = { loaded: Loaded } | { problems: Problem[] };

/**
 * Reads a definition from text, without the scripts that stand beside it. Pure; gives either the definition or every
 * problem of the text at once.
 */
export function readDefinition(text: string, file: string): Read {
  if (Buffer.byteLength(text) > LARGEST_FILE) return { problems: [tooLarge(file)] };
  let source: Source;
  try {
    source = parseSource(text);
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error;
    return { problems: [at(file, error.position, 'yaml', error.message)] };
  }
  const parsed = definition.safeParse(source.value);
  const found = parsed.success
    ? findDangling(parsed.data)
    : explain(parsed.error, source.value, (path) => keysAt(path, source.value));
  if (parsed.success && found.length === 0) return { loaded: { definition: parsed.data, source, file } };
  return { problems: inOrder(found.map((it) => at(file, source.at(it.path, it.part), 'format', it.message))) };
}

const tooLarge = (file: string): Problem => at(file, { line: 1, column: 1 }, 'size', 'the file is larger than 1 MB');

/** Reads one `connector.yaml`. Throws `definition_invalid` with file, line and column of every problem. */
export async function loadDefinition(file: string): Promise<Loaded> {
  const read = await readDefinitionFile(file, relative(process.cwd(), file));
  if ('problems' in read) throw definitionError(read.problems);
  return read.loaded;
}

/** Reads one `connector.yaml` and the scripts beside it; `shown` is its name in problems. */
export async function readDefinitionFile(file: string, shown: string): Promise<Read> {
  if ((await stat(file)).size > LARGEST_FILE) return { problems: [tooLarge(shown)] };
  const read = readDefinition(await readFile(file, 'utf8'), shown);
  return 'problems' in read ? read : withScripts(read.loaded, file);
}

/** The definition with the text of each script in its method. */
async function withScripts(loaded: Loaded, file: string): Promise<Read> {
  if (methodsOf(loaded.definition).every((it) => it.method.file === undefined)) return { loaded };
  const definition = structuredClone(loaded.definition);
  const problems: Problem[] = [];
  for (const { method, path } of methodsOf(definition)) {
    if (method.file === undefined) continue;
    try {
      Object.assign(method, { javascript: await readScript(file, method.file) });
    } catch (error) {
      if (!(error instanceof NoScript)) throw error;
      problems.push(at(loaded.file, loaded.source.at([...path, 'file']), 'file', error.message));
    }
  }
  return problems.length > 0 ? { problems: inOrder(problems) } : { loaded: { ...loaded, definition } };
}

/** The format as JSON Schema 2020-12, for editors. */
export function formatSchema(): Record<string, unknown> {
  return z.toJSONSchema(definition, { io: 'input', unrepresentable: 'any' });
}

let format: SchemaNode | undefined;
type SchemaNode = {
  const?: unknown;
  properties?: Record<string, SchemaNode>;
  additionalProperties?: SchemaNode | boolean;
  items?: SchemaNode;
  anyOf?: SchemaNode[];
  oneOf?: SchemaNode[];
};

/** The keys that the format allows at a path of `value`. */
function keysAt(path: readonly PropertyKey[], value: unknown): readonly string[] {
  format ??= formatSchema() as SchemaNode;
  let inner = value;
  let nodes = branches(format, inner);
  for (const part of path) {
    inner = (inner as Record<PropertyKey, unknown>)[part];
    nodes = nodes.flatMap((node) => {
      const { properties = {}, additionalProperties: others, items } = node;
      const next = Object.hasOwn(properties, part) ? properties[String(part)] : (items ?? others);
      return typeof next === 'object' ? branches(next, inner) : [];
    });
  }
  return [...new Set(nodes.flatMap((node) => Object.keys(node.properties ?? {})))];
}

/** The node and its alternatives, without those that are for another `type`. */
function branches(node: SchemaNode, value: unknown): SchemaNode[] {
  const { type = {} } = node.properties ?? {};
  if ('const' in type && type.const !== (value as { type?: unknown }).type) return [];
  return [node, ...[...(node.anyOf ?? []), ...(node.oneOf ?? [])].flatMap((it) => branches(it, value))];
}
