import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findLeaks, type Output, type Planted } from '../../security/leaksearch.ts';
import { HANDOUTS } from './handouts.ts';

/** What Tieline makes itself: one that is handed out where `HANDOUTS` says nothing of it would not be known as a secret. */
const SHAPED = /\b(?:sk-(?:user|client)-[\w-]{20}|pat-[\w-]{20}|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10})/;

/** Everything that one story planted, and everything that came out. */
export class Ledger {
  readonly #planted = new Map<string, Planted>();
  readonly #addresses = new Map<string, Planted>();
  readonly #outputs: Output[] = [];

  /** From now on this text may be in no output. Gives it back. */
  plant(name: string, value: string): string {
    if (!this.#planted.has(value)) this.#planted.set(value, { name, value });
    return value;
  }

  /** Names of what was planted, each once. */
  planted(): string[] {
    return [...new Set([...this.#planted.values(), ...this.#addresses.values()].map((it) => it.name))];
  }

  outputs(): readonly Output[] {
    return this.#outputs;
  }

  /** Notes an output. What it hands out by its purpose is planted, and left out of it: once for each place. */
  say(where: string, said: string | Uint8Array): void {
    this.#outputs.push({ where, said: typeof said === 'string' ? this.#withoutHandouts(where, said) : said });
  }

  #withoutHandouts(where: string, said: string): string {
    let left = said;
    for (const { from, at, secret, isAddress } of HANDOUTS) {
      if (!from.test(where)) continue;
      left = left.replace(at, (all, value: string) => {
        if (isAddress) {
          this.#addresses.set(value, { name: secret, value });
          return all;
        }
        this.plant(secret, value);
        return all.replace(value, '');
      });
    }
    return left;
  }

  /** Notes the bytes of every file in a folder, but for those whose job is to hold a secret. */
  async sayFiles(folder: string, except: readonly string[] = []): Promise<void> {
    for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
      if (!entry.isFile() || except.includes(entry.name)) continue;
      const path = join(entry.parentPath, entry.name);
      this.#outputs.push({ where: `file ${entry.name}`, said: await readFile(path) });
    }
  }

  /** What leaked where, one line each, without the secrets themselves. */
  leaks(): string[] {
    const kept = this.#outputs.filter(({ where }) => /^(stderr|file) /.test(where));
    const found = [
      ...findLeaks(this.#outputs, [...this.#planted.values()]),
      ...findLeaks(kept, [...this.#addresses.values()]),
    ];
    const shaped = this.#outputs.filter(({ said }) => SHAPED.test(Buffer.from(said as string).toString('latin1')));
    found.push(...shaped.map(({ where }) => ({ where, secret: 'a text like a secret of Tieline', form: 'raw' })));
    return [...new Set(found.map(({ where, secret, form }) => `${where}: ${secret} (${form})`))];
  }
}
