import type { Api } from './api.ts';
import type { Run } from './call.ts';
import type { ConnectorCatalog } from './connectors.ts';
import { readAttempts } from './options.ts';
import type { Outcome } from './result.ts';
import type { Effect } from './retry.ts';

type Raw = Outcome & { readonly file?: { name: string; mime_type: string; base64: string } };

/** Calls over a server. `customer` is named where the caller is a program. */
export function remoteRun(
  api: Api,
  customer: string | undefined,
  catalog: ConnectorCatalog,
  maxAttempts: number | undefined,
): Run {
  return async ({ connector, entity, action, params, identifier, signal, idempotencyKey, ...attempts }) => {
    const most = readAttempts({ maxAttempts: attempts.maxAttempts ?? maxAttempts }).maxAttempts;
    // Only who repeats needs to know what that does.
    const effect = most > 1 && !idempotencyKey ? await effectOf(catalog, connector, entity, action) : 'write';
    const { data, meta, file } = (await api.request({
      ...attempts,
      method: 'POST',
      path: `/connectors/${encodeURIComponent(connector)}/execute`,
      body: { entity, action, params, identifier, customer_name: customer },
      effect: idempotencyKey === undefined ? effect : 'create',
      idempotencyKey,
      signal,
    })) as Raw;
    return {
      data,
      meta,
      ...(file && { file: { name: file.name, mimeType: file.mime_type, bytes: bytesOf(file.base64) } }),
    };
  };
}

async function effectOf(catalog: ConnectorCatalog, connector: string, entity: string, action: string): Promise<Effect> {
  const { entities } = await catalog.known(connector);
  const found = entities.find((it) => it.name === entity)?.actions.find((it) => it.name === action);
  return found?.effect === 'read' || found?.effect === 'idempotent' ? 'read' : 'write';
}

const bytesOf = (base64: string): Uint8Array => Uint8Array.from(atob(base64), (it) => it.charCodeAt(0));
