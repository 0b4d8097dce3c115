import { readFileSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { Browser } from '../http/authserver/stage.ts';
import { openAs, type SignIn } from '../mcp/linkstage.ts';
import { type Env, until } from './program.ts';

/** What a program on this machine takes for the browser, and what it has told it to open. */
export type Opener = {
  /** For the program. */
  readonly env: Env;
  /** How many addresses were opened. */
  opened(): number;
  /** The next address that was not asked for yet, once there is one. */
  next(): Promise<string>;
};

/** A browser that notes addresses in a folder. Programs find it as xdg-open does, and on a Mac in their path. */
export async function openerIn(folder: string): Promise<Opener> {
  const noted = join(folder, 'opened');
  const program = join(folder, 'open');
  await writeFile(noted, '');
  await writeFile(program, `#!/bin/sh\necho "$1" >> '${noted}'\n`);
  await chmod(program, 0o755);
  const addresses = () => readFileSync(noted, 'utf8').split('\n').slice(0, -1);
  let taken = 0;
  return {
    env: { BROWSER: program, PATH: `${folder}${delimiter}${process.env.PATH ?? ''}` },
    opened: () => addresses().length,
    async next() {
      await until(
        () => addresses().length > taken,
        () => 'an address was opened',
      );
      return addresses()[taken++] ?? '';
    },
  };
}

/** The user at the address of a client that wants access: signs in, decides, and is sent back. Gives what it answers. */
export async function decide(address: string, user: SignIn, decision: 'allow' | 'deny'): Promise<Response> {
  const browser = new Browser(new URL(address).origin);
  const { url } = await browser.submit(await openAs(browser, address, user), { decision });
  return fetch(url);
}
