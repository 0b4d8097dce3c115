import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { JsonSchema, Values } from '../connector/values.ts';
import { TielineError } from '../errors.ts';

type Field = {
  readonly type?: string;
  readonly title?: string;
  readonly description?: string;
  readonly secret?: boolean;
  readonly default?: unknown;
};

/**
 * Asks at the terminal for the fields of a schema that are not given yet. Secret ones are not shown while typed.
 * Throws `usage` where nobody can be asked.
 */
export async function askFields(schema: JsonSchema, given: Values, what: string): Promise<Values> {
  const { properties = {}, required = [] } = schema as { properties?: Record<string, Field>; required?: string[] };
  const missing = Object.entries(properties).filter(([name]) => given[name] === undefined);
  if (!process.stdin.isTTY) {
    const needed = missing.map(([name]) => name).filter((name) => required.includes(name));
    if (needed.length === 0) return given;
    throw new TielineError('usage', `${what} needs ${needed.join(', ')}, and there is no terminal to ask at`, {
      hint: 'Give them as JSON on standard input: --input -',
    });
  }
  const answers: Record<string, unknown> = { ...given };
  for (const [name, field] of missing) {
    const optional = required.includes(name) ? '' : ' (optional)';
    const preset = field.default === undefined ? '' : ` [${String(field.default)}]`;
    for (;;) {
      const text = await ask(`${field.title ?? name}${optional}${preset}: `, field.secret === true);
      if (text === '' && optional === '' && field.default === undefined) continue;
      if (text !== '') answers[name] = typed(text, field.type);
      break;
    }
  }
  return answers;
}

function typed(text: string, type: string | undefined): unknown {
  if (type === 'boolean') return /^(y|yes|true|1)$/i.test(text);
  if (type === 'integer' || type === 'number') return Number(text);
  return text;
}

/** One line typed by a person; prompts go to stderr so that stdout stays for results. */
async function ask(question: string, hidden: boolean): Promise<string> {
  process.stderr.write(question);
  const muted = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: hidden ? muted : process.stderr, terminal: true });
  try {
    return (await lines.question('')).trim();
  } finally {
    lines.close();
    if (hidden) process.stderr.write('\n');
  }
}
