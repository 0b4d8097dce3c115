import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { formOf } from '../connector/schema.ts';
import type { JsonSchema, Values } from '../connector/values.ts';
import { TielineError } from '../errors.ts';

/**
 * Asks at the terminal for the fields of a schema that are not given yet. Secret ones are not shown while typed.
 * Throws `usage` with this hint where nobody can be asked, and `canceled` when the person ends it.
 */
export async function askFields(schema: JsonSchema, given: Values, what: string, hint: string): Promise<Values> {
  const { fields, required } = formOf(schema);
  const missing = Object.entries(fields).filter(([name]) => given[name] === undefined);
  if (!process.stdin.isTTY) {
    const needed = missing.map(([name]) => name).filter((name) => required.includes(name));
    if (needed.length === 0) return given;
    throw new TielineError('usage', `${what} needs ${needed.join(', ')}, and there is no terminal to ask at`, { hint });
  }
  if (missing.length > 0) process.stderr.write(`${what}\n`);
  const answers: Record<string, unknown> = { ...given };
  for (const [name, field] of missing) {
    const optional = required.includes(name) ? '' : ' (optional)';
    const about = field.description === undefined ? '' : `  ${field.description}\n`;
    const preset = field.default === undefined ? '' : ` [${String(field.default)}]`;
    for (;;) {
      const text = await ask(about, `${field.title ?? name}${optional}${preset}: `, field.secret === true);
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
async function ask(about: string, question: string, hidden: boolean): Promise<string> {
  const muted = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: hidden ? muted : process.stderr, terminal: true });
  // Only now, as the terminal shows what is typed until `lines` is there.
  process.stderr.write(hidden ? about + question : about);
  // Ctrl-C and Ctrl-D close it, and then the question would wait for ever.
  const ended = new Promise<never>((_, reject) => lines.once('close', reject));
  try {
    return (await Promise.race([lines.question(hidden ? '' : question), ended])).trim();
  } catch (cause) {
    if (!hidden) process.stderr.write('\n');
    throw new TielineError('canceled', 'nothing was connected', { cause });
  } finally {
    lines.close();
    if (hidden) process.stderr.write('\n');
  }
}
