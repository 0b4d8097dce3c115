/** Lets the suite start on Node 20: it imports `globSync` of `fs`, which came with Node 22, and never calls it here. */
import * as fs from 'node:fs';
import { register } from 'node:module';

const hooks = `
export const resolve = (specifier, context, next) =>
  specifier === 'fs' ? { url: 'globsync:fs', shortCircuit: true } : next(specifier, context);
export const load = (url, context, next) =>
  url === 'globsync:fs'
    ? {
        format: 'module',
        source: "export * from 'node:fs'; export { default } from 'node:fs'; export const globSync = () => [];",
        shortCircuit: true,
      }
    : next(url, context);
`;
if (!('globSync' in fs)) register(`data:text/javascript,${encodeURIComponent(hooks)}`);
