import { type FSWatcher, readdirSync, watch } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isTielineError } from '../errors.ts';
import { log } from '../log.ts';

export type Places = {
  /** The file whose changes may be accounts linked elsewhere; undefined for a store that is no file. */
  readonly storeFile: string | undefined;
  /** Folders with a folder for each definition. */
  readonly definitions: readonly string[];
};

/** Editors save in several steps, and what is half written would be read as broken. Milliseconds. */
const QUIET = 200;

/**
 * Calls `look` each time something changed in these places and has been quiet since, one call after another; its
 * argument tells whether definitions were part of it. Gives the function that ends it.
 */
export function watchChanges(places: Places, look: (definitions: boolean) => Promise<void>): () => void {
  const { storeFile } = places;
  let looking = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let areDefinitions = false;
  const changed = (isDefinition: boolean) => {
    areDefinitions ||= isDefinition;
    clearTimeout(timer);
    timer = setTimeout(() => {
      const reload = areDefinitions;
      areDefinitions = false;
      // Folders may have come and gone. Watched before they are read, so that no change falls between the two.
      if (reload) rewatch();
      looking = looking.then(() => look(reload)).catch(notTaken);
    }, QUIET);
    timer.unref();
  };
  let definitions: FSWatcher[] = [];
  const rewatch = () => {
    for (const watcher of definitions) watcher.close();
    definitions = places.definitions.flatMap((root) => watchDefinitions(root, () => changed(true)));
  };
  rewatch();
  // With its -wal beside it: that is where SQLite writes first.
  const isStore = (file: string | null) => storeFile !== undefined && file?.startsWith(basename(storeFile)) === true;
  const store =
    storeFile === undefined ? [] : watchFolder(dirname(storeFile), (file) => void (isStore(file) && changed(false)));
  return () => {
    clearTimeout(timer);
    for (const watcher of [...store, ...definitions]) watcher.close();
  };
}

function watchFolder(path: string, onChange: (file: string | null) => void): FSWatcher[] {
  try {
    const watcher = watch(path, { persistent: false }, (_, file) => onChange(file));
    watcher.on('error', (error) => log.debug('cannot watch', { path, error }));
    return [watcher];
  } catch (error) {
    log.debug('cannot watch', { path, error });
    return [];
  }
}

/** A folder, those in it and those with scripts in these, as watching is not recursive everywhere; while it is not there, its coming. */
function watchDefinitions(root: string, onChange: () => void): FSWatcher[] {
  const inner = foldersIn(root);
  const scripts = inner?.flatMap((it) => foldersIn(it) ?? []) ?? [];
  if (inner) return [root, ...inner, ...scripts].flatMap((path) => watchFolder(path, onChange));
  return watchFolder(dirname(root), (file) => void (file === basename(root) && onChange()));
}

/** Undefined when there is no such folder: reading the definitions says so, where there must be one. */
function foldersIn(root: string): string[] | undefined {
  try {
    const entries = readdirSync(root, { withFileTypes: true });
    return entries.filter((it) => it.isDirectory()).map((it) => join(root, it.name));
  } catch {
    return undefined;
  }
}

function notTaken(error: unknown): void {
  const known = isTielineError(error) ? { error: error.message, hint: error.hint } : { error };
  log.error('a change was not taken over, and what was there goes on', known);
}
