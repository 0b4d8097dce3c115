import { compileDefinitions } from '../connector/compiled.ts';
import { shippedConnectors } from './open.ts';

/** `tieline connectors compile`: what `npm run build` does with the shipped definitions. */
export const compile = async (): Promise<void> => void (await compileDefinitions(shippedConnectors));
