import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Validator } from '@cfworker/json-schema';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { formatSchema } from '../../src/connector/load.ts';
import { lintSchema } from '../../src/connector/schemalint.ts';
import { problemsOf, replaced, sample } from './sample.ts';

const connectors = new URL('../../connectors/', import.meta.url);
const file = new URL('connector.schema.json', connectors);
const text = `${JSON.stringify(formatSchema(), null, 2)}\n`;

if (process.env.UPDATE_FORMAT === '1') writeFileSync(file, text);

it('connector.schema.json is what the format says; UPDATE_FORMAT=1 writes it', () => {
  expect(readFileSync(file, 'utf8')).toBe(text);
});

describe('connector.schema.json', () => {
  const schema = JSON.parse(readFileSync(file, 'utf8'));
  const validator = new Validator(schema, '2020-12', false);
  const shipped = readdirSync(connectors, { withFileTypes: true }).filter((it) => it.isDirectory());

  it('is a schema of the draft it names', () => {
    const faults: string[] = [];
    lintSchema(schema, [], (path, rule, message) => {
      if (rule === 'schema') faults.push(`${path.join('.')}: ${message}`);
    });
    expect(faults).toEqual([]);
    expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema');
  });

  it.each(shipped.map((it) => it.name))('takes the shipped connector %s, and editors find it from there', (name) => {
    const definition = readFileSync(new URL(`${name}/connector.yaml`, connectors), 'utf8');
    expect(validator.validate(load(definition)).errors).toEqual([]);
    const modeline = /^# yaml-language-server: \$schema=(\S+)\n/.exec(definition)?.[1] ?? '';
    expect(new URL(modeline, new URL(`${name}/connector.yaml`, connectors))).toEqual(file);
  });

  it('takes the least a definition can say', () => {
    expect(validator.validate(load(sample)).errors).toEqual([]);
  });

  it.each([
    ['an unknown key', 'title: Demo', 'title: Demo\ncolour: red'],
    ['a missing key', '        effect: read\n', ''],
    ['an unknown auth type', 'type: api_key', 'type: apikey'],
    ['a key of another auth type', 'name: X-Key', 'name: X-Key\n      grant: client_credentials'],
    ['a number for a text', 'title: Demo', 'title: 5'],
    ['an entity in capitals', '  items:', '  Items:'],
    ['a duration without unit', 'server:\n', 'server:\n  timeouts: { read: "30" }\n'],
  ])('refuses %s, as the loader does', (_, part, by) => {
    const broken = replaced(sample, part, by);
    expect(validator.validate(load(broken)).valid).toBe(false);
    expect(problemsOf(broken)).not.toEqual([]);
  });
});
