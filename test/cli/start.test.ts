import { expect, it } from 'vitest';
import { chunkOf, loadedWith } from '../bundled.ts';

/** Of what runs actions, reads files or speaks HTTP; and texts of a library in languages that nobody asked for. */
const HEAVY = ['commander', 'js-yaml', 'oauth4webapi', '@cfworker/json-schema', 'ipaddr.js', 'hono'];
const LOCALES = /\/zod\/v4\/locales\/(?!en\.js)/;

it('loads for a start what lists the tools, and not what runs them', () => {
  const { sources, packages } = loadedWith('main.js', chunkOf('main.js', 'stdio'));
  expect(packages).toEqual([]);
  expect(sources).toEqual(expect.arrayContaining(['src/main.ts', 'src/cli/stdio.ts', 'src/connector/catalog.ts']));
  const own = /^src\/(network|sql|http|demo|sandbox)\/|^src\/(execute\/execute|mcp\/toolcall|configfile)\.ts$/;
  expect(sources.filter((it) => own.test(it))).toEqual([]);
  expect(HEAVY.filter((name) => sources.some((it) => it.includes(`node_modules/${name}/`)))).toEqual([]);
  expect(sources.filter((it) => LOCALES.test(it))).toEqual([]);
});
