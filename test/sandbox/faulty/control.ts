import { FAULT_NAMES, isFaultName } from '../../../src/sandbox/faulty/faults.ts';
import type { Control, FaultyOAuth } from '../../../src/sandbox/faulty/faultyoauth.ts';
import type { Hold } from '../../../src/sandbox/faulty/hold.ts';
import { json } from '../../../src/sandbox/faulty/refusals.ts';

type Body = { readonly name?: unknown; readonly faults?: unknown };

/**
 * The provider's methods for other processes, in JSON:
 *
 * - `POST /control/grants {name?}` → `{accessToken, refreshToken}`
 * - `POST /control/plan {faults}` → `{}`
 * - `GET /control/requests` → `{requests}`, `GET /control/calls` → `{calls}`
 * - `GET /control/family?token=…` → `{alive}`
 * - `POST /control/expire` → `{}`
 * - `POST /control/holds` → `{hold}`; then `GET /control/holds/N` answers once it has arrived, `DELETE` releases it
 *
 * 400 with `{error}` for a request that makes no sense, 404 for a token or hold that is unknown.
 */
export function control(): Control {
  const holds: Hold[] = [];
  return (faulty, method, url, text) => answered(faulty, holds, method, url, text);
}

async function answered(faulty: FaultyOAuth, holds: Hold[], method: string, url: URL, text: string) {
  const [, , route = '', id = ''] = url.pathname.split('/');
  const body = parse(text);
  if (!body) return json(400, { error: 'the body is not a JSON object' });
  switch (`${method} ${route}${id && '/'}`) {
    case 'POST grants':
      return json(200, typeof body.name === 'string' ? faulty.newGrant(body.name) : faulty.newGrant());
    case 'POST plan': {
      const { faults } = body;
      if (!Array.isArray(faults) || !faults.every(isFaultName)) {
        return json(400, { error: `faults must be a list of ${FAULT_NAMES.join(', ')}` });
      }
      faulty.plan(...faults);
      return json(200, {});
    }
    case 'GET requests':
      return json(200, { requests: faulty.requests });
    case 'GET calls':
      return json(200, { calls: faulty.calls });
    case 'GET family':
      return family(faulty, url.searchParams.get('token') ?? '');
    case 'POST expire':
      faulty.expireAccessTokens();
      return json(200, {});
    case 'POST holds':
      holds.push(faulty.hold());
      return json(200, { hold: holds.length });
    case 'GET holds/':
    case 'DELETE holds/': {
      const hold = holds[Number(id) - 1];
      if (!hold) return json(404, { error: 'there is no such hold' });
      if (method === 'DELETE') hold.release();
      else await hold.arrived;
      return json(200, {});
    }
    default:
      return json(404, { error: 'there is no such control' });
  }
}

function family(faulty: FaultyOAuth, token: string) {
  try {
    return json(200, { alive: faulty.familyAlive(token) });
  } catch (error) {
    return json(404, { error: error instanceof Error ? error.message : String(error) });
  }
}

function parse(text: string): Body | undefined {
  if (text === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
