/** A module of the benchmark, which is JavaScript so that every Node runs it, for its tests. */
// biome-ignore lint/suspicious/noExplicitAny: it has no types
export const load = (path: string): Promise<any> => import(new URL(path, import.meta.url).href);
