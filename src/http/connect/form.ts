import { html } from 'hono/html';
import { inputSchema } from '../../auth/types.ts';
import type { AuthOption } from '../../connector/connector.ts';
import { type Field, formOf } from '../../connector/schema.ts';
import type { Values } from '../../connector/values.ts';
import { findProblems, MISSING } from '../../execute/validate.ts';
import { parseJson } from '../../json.ts';
import { LONGEST_VALUE } from '../../limits.ts';
import type { Html } from './layout.ts';

/** Fields of the form are named apart from its own, such as the token. */
const PREFIX = 'input.';

/** What a person typed, with what the program gave over it, and what is wrong by field. */
export type Typed = { readonly input: Values; readonly problems: Readonly<Record<string, string>> };

/** Reads the fields of an option from a form. */
export function readForm(option: AuthOption, form: Values, given: Values): Typed {
  const schema = inputSchema(option);
  const typed: Record<string, unknown> = {};
  const long: Record<string, string> = {};
  for (const [name, field] of Object.entries(formOf(schema).fields)) {
    const text = form[PREFIX + name];
    if (typeof text === 'string' && text.length > LONGEST_VALUE) {
      long[name] = `This is longer than ${LONGEST_VALUE} characters.`;
      continue;
    }
    const value = typeof text === 'string' ? fieldValue(text.replaceAll('\r\n', '\n'), field) : undefined;
    if (field.type === 'boolean') typed[name] = text !== undefined;
    else if (value !== undefined) typed[name] = value;
  }
  const input = { ...typed, ...given };
  return { input, problems: { ...problemsOf(option, input), ...long } };
}

/** A field left blank is one that was not given. */
function fieldValue(text: string, { type }: Field): unknown {
  const trimmed = text.trim();
  if (trimmed === '') return undefined;
  if (type === 'integer' || type === 'number') return Number.isNaN(Number(trimmed)) ? trimmed : Number(trimmed);
  if (type !== 'array' && type !== 'object') return trimmed;
  try {
    return parseJson(trimmed);
  } catch {
    return trimmed;
  }
}

function problemsOf(option: AuthOption, input: Values): Record<string, string> {
  const problems: Record<string, string> = {};
  for (const { at, text } of findProblems(inputSchema(option), input)) {
    const name = at.split('.')[0] ?? '';
    problems[name] ??= SAYINGS.find(([pattern]) => pattern.test(text))?.[1] ?? `This does not fit: ${text}.`;
  }
  return problems;
}

const SAYINGS: readonly (readonly [RegExp, string])[] = [
  [new RegExp(`^${MISSING}$`), 'Please fill this in.'],
  [/too short/, 'This is too short.'],
  [/too long/, 'This is too long.'],
  [/, not (?:integer|number)$/, 'This has to be a number.'],
];

/** The fields a person is to fill in. What was typed stands there again, but for secrets. */
export function formFields(option: AuthOption, given: Values, { input, problems }: Typed): Html {
  const { fields, required } = formOf(inputSchema(option));
  const [own, other] = [Object.entries(fields), Object.entries(problems).filter(([name]) => !fields[name])];
  return html`${other.map(([, text]) => html`<p class="problem" role="alert">${text}</p>`)}
  ${own.map(([name, field]) =>
    Object.hasOwn(given, name)
      ? givenField(name, field, given[name])
      : fieldRow(name, field, { value: input[name], isRequired: required.includes(name), problem: problems[name] }),
  )}`;
}

/** Shown, so that nobody types a password for an address that somebody else chose and cannot see it. */
function givenField(name: string, field: Field, value: unknown): Html {
  return html`<div class="field">
    <span class="label">${field.title ?? name}</span>
    <span class="given">${field.secret ? '••••••••' : shown(value)}</span>
  </div>`;
}

type State = { readonly value: unknown; readonly isRequired: boolean; readonly problem: string | undefined };

function fieldRow(name: string, field: Field, state: State): Html {
  const id = `field-${name}`;
  const { isRequired, problem } = state;
  const label = html`<label for="${id}">${field.title ?? name}${isRequired || field.type === 'boolean' ? '' : html` <small>optional</small>`}</label>`;
  const about = field.description ? html`<p class="about" id="${id}-about">${field.description}</p>` : '';
  const wrong = problem ? html`<p class="problem" id="${id}-problem">${problem}</p>` : '';
  if (field.type === 'boolean')
    return html`<div class="field check">${control(id, name, field, state)}${label}${about}${wrong}</div>`;
  return html`<div class="field">${label}${about}${control(id, name, field, state)}${wrong}</div>`;
}

function control(id: string, name: string, field: Field, { value, isRequired, problem }: State): Html {
  const given = value === undefined ? field.default : value;
  const text = field.secret || given === undefined ? '' : shown(given);
  const described = [problem && `${id}-problem`, field.description && `${id}-about`].filter(Boolean).join(' ');
  const common = html`id="${id}" name="${PREFIX}${name}" aria-invalid="${problem ? 'true' : 'false'}" aria-describedby="${described}"`;
  const required = isRequired ? html`required` : '';
  if (field.type === 'boolean')
    return html`<input type="checkbox" value="true" ${common} ${given === true ? html`checked` : ''}>`;
  if (field.enum && !field.secret) {
    const choices = field.enum.map(shown);
    return html`<select ${common} ${required}>
      ${choices.includes(text) ? '' : html`<option value="">Choose…</option>`}
      ${choices.map((it) => html`<option value="${it}" ${it === text ? html`selected` : ''}>${it}</option>`)}
    </select>`;
  }
  const plainly = html`autocomplete="off" autocapitalize="off" spellcheck="false"`;
  if (field.format === 'multiline' || field.type === 'array' || field.type === 'object') {
    const hidden = field.secret ? html`class="secret"` : '';
    return html`<textarea rows="5" ${hidden} ${common} ${plainly} ${required}>${text}</textarea>`;
  }
  const example = field.examples?.[0];
  const hint = example === undefined || field.secret ? '' : html`placeholder="${shown(example)}"`;
  const step = field.type === 'number' ? html`step="any"` : '';
  return html`<input type="${kindOf(field)}" ${step} value="${text}" ${common} ${plainly} ${hint} ${required}>`;
}

function kindOf({ secret, type, format }: Field): string {
  if (secret) return 'password';
  if (type === 'integer' || type === 'number') return 'number';
  if (format === 'email') return 'email';
  return format === 'uri' ? 'url' : 'text';
}

const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
