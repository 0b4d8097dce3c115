/** `tieline serve` as it is built, with what the conformance suite looks for. */
import { serve } from '../../dist/cli/serve.js';
import { fixtures } from './fixtures.mjs';

await serve({ host: '127.0.0.1', port: '0', json: true }, fixtures);
