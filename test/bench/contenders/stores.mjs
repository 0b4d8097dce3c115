import { makePlace } from '../../storm/place.mjs';

/** Stores on servers, where they are there: `[{ kind, url, remove() } | { kind, missing }]`. */
export async function serverStores(folder) {
  const { tielineModules } = await import('./build.mjs');
  const { openStore } = await (await tielineModules())('keystore/open');
  const look = async (kind) => {
    const place = makePlace(kind, folder);
    try {
      const store = await openStore(place.url);
      await store.close();
      return { kind, ...place };
    } catch (error) {
      return { kind, missing: error.message };
    }
  };
  return [await look('postgres'), await look('redis')];
}
