import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const source = fileURLToPath(new URL('../src', import.meta.url));

/** What each folder may import. Files of `src/` itself that hold no commands are the ground all stand on. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  expression: [],
  keystore: [],
  network: [],
  sql: ['network'],
  connector: ['expression'],
  auth: ['connector', 'expression', 'keystore', 'network'],
  integration: ['auth', 'connector', 'keystore'],
  execute: ['auth', 'connector', 'expression', 'integration', 'keystore', 'network', 'sql'],
  connection: ['auth', 'connector', 'execute', 'integration', 'keystore'],
  mcp: ['connector', 'execute', 'integration'],
  http: ['auth', 'connector', 'execute', 'integration', 'keystore', 'mcp'],
  embed: ['auth', 'connector', 'execute', 'expression', 'integration', 'keystore', 'network'],
  sdk: [],
  sandbox: [],
  demo: ['auth', 'cli', 'connector', 'execute', 'integration', 'keystore', 'network', 'sandbox'],
  cli: [
    'auth',
    'connection',
    'connector',
    'demo',
    'execute',
    'expression',
    'http',
    'integration',
    'keystore',
    'mcp',
    'network',
  ],
};

/** What a folder may import besides, but with `import()` alone: whoever loads the SDK does not load the engine. */
const ON_DEMAND: Readonly<Record<string, readonly string[]>> = { sdk: ['embed'] };

/** Packages that one folder alone may use, so that what they do can be found in one place. */
const ONLY_IN: Readonly<Record<string, readonly string[]>> = {
  undici: ['network'],
  oauth4webapi: ['auth'],
  keyv: ['keystore'],
  '@keyv/sqlite': ['keystore'],
  '@modelcontextprotocol/server': ['mcp'],
  '@modelcontextprotocol/server/stdio': ['mcp'],
  'quickjs-emscripten-core': ['expression'],
  'oidc-provider': ['http', 'sandbox'],
  '@keyv/postgres': ['keystore'],
  '@keyv/redis': ['keystore'],
  aws4: ['auth'],
  jose: ['auth'],
  pg: ['keystore', 'sql'],
  mysql2: ['sql'],
  'eventsource-parser': ['execute'],
  '@hono/zod-openapi': ['http'],
};

const files = readdirSync(source, { withFileTypes: true, recursive: true })
  .filter((it) => it.isFile() && it.name.endsWith('.ts'))
  .map((it) => relative(source, join(it.parentPath, it.name)));

const importsOf = (file: string): string[] =>
  [...readFileSync(join(source, file), 'utf8').matchAll(/(?:\bfrom|\bimport\()\s*'([^']+)'/g)].map((it) => it[1] ?? '');

const onDemandOf = (file: string): string[] =>
  [...readFileSync(join(source, file), 'utf8').matchAll(/\bimport\(\s*'([^']+)'/g)].map((it) => it[1] ?? '');

const folderOf = (file: string): string => (file.includes(sep) ? (file.split(sep)[0] ?? '') : '');

describe('imports run one way', () => {
  it.each(files)('%s', (file) => {
    const folder = folderOf(file);
    const wrong = importsOf(file).filter((target) => {
      if (!target.startsWith('.')) return ONLY_IN[target] !== undefined && !ONLY_IN[target].includes(folder);
      const to = folderOf(relative(source, join(source, file, '..', target)));
      if (folder === 'sdk' && to === '') return !target.endsWith('/errors.ts');
      if (to === folder || to === '') return false;
      if (ON_DEMAND[folder]?.includes(to) && onDemandOf(file).includes(target)) return false;
      return folder === '' ? !['cli', 'sdk'].includes(to) : !ALLOWED[folder]?.includes(to);
    });
    expect(wrong).toEqual([]);
  });

  it('knows every folder', () => {
    expect([...new Set(files.map(folderOf))].filter((it) => it !== '').sort()).toEqual(Object.keys(ALLOWED).sort());
  });

  it('has one place that encrypts', () => {
    const ciphers = files.filter((it) => /create(C|Dec)ipheriv/.test(readFileSync(join(source, it), 'utf8')));
    expect(ciphers).toEqual([join('keystore', 'envelope.ts')]);
  });
});
