import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** Loaded with the first request: its hundred files are a tenth of a start, and most commands send nothing. */
export const undici = (): typeof import('undici') => require('undici');
