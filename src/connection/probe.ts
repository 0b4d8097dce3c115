import { TielineError } from '../errors.ts';
import { testIntegration } from '../execute/health.ts';
import type { ConnectionRecord } from './record.ts';
import { integrationOf, type Place } from './save.ts';

/** Tries the stored account of a connection at the API. False where there is no test path, and so nothing to ask. */
export async function testConnection(place: Place, record: ConnectionRecord): Promise<boolean> {
  const integration = await integrationOf(place, record);
  if (integration) return testIntegration(place.engine, place.who, integration);
  const { connector } = record.connection;
  throw new TielineError('reauthorization_required', `the connection ${connector} has no account any more`, {
    hint: `Enter its secrets again: tieline connections edit ${connector} --input <file>`,
  });
}
