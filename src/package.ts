import { createRequire } from 'node:module';
import { dirname } from 'node:path';

/** The folder of this package. Asked of Node, as the build puts this file together with others somewhere else. */
export const packageFolder = dirname(createRequire(import.meta.url).resolve('tieline/package.json'));
