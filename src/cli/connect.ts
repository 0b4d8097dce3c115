import { readFile } from 'node:fs/promises';
import { text as readStream } from 'node:stream/consumers';
import type { Granted } from '../auth/type.ts';
import { inputSchema } from '../auth/types.ts';
import type { AuthOption, Connector } from '../connector/connector.ts';
import { formOf } from '../connector/schema.ts';
import type { Values } from '../connector/values.ts';
import { isTielineError, TielineError } from '../errors.ts';
import { connectAccount, optionNamed } from '../execute/connect.ts';
import type { Engine } from '../execute/engine.ts';
import { signInAccount, signInKind } from '../execute/signin.ts';
import { readIntegrations } from '../integration/accounts.ts';
import { writeApp } from '../integration/app.ts';
import { accountLabel, checkIdentifier, isPending } from '../integration/integration.ts';
import { localPrincipal } from '../integration/principal.ts';
import { openBrowser } from './browser.ts';
import { listenForCallback } from './callback.ts';
import { parseObject } from './json.ts';
import { type Opened, openEngine } from './open.ts';
import { print } from './output.ts';
import { readPort } from './port.ts';
import { askFields } from './prompt.ts';

export type ConnectOptions = {
  readonly option?: string;
  readonly identifier?: string;
  readonly input?: string;
  readonly setting?: Readonly<Record<string, string>>;
  readonly browser: boolean;
  readonly port: string;
  readonly reconnect?: boolean;
  readonly json?: boolean;
};

const PATIENCE = 10 * 60_000;

/** `tieline connect <connector>`: links an account, by sign-in at the provider or by fields typed here. */
export async function connect(name: string, options: ConnectOptions): Promise<void> {
  const opened = await openEngine();
  try {
    const { engine } = opened;
    const connector = engine.catalog.connector(name);
    const option = optionNamed(connector, options.option);
    const port = readPort(options.port);
    await checkFree(engine, connector, options);
    const given = options.input === undefined ? {} : await readInput(options.input);
    const what = `${connector.title} (${option.spec.title})`;
    const input = await askFields(inputSchema(option), given, what, 'Give them as JSON on standard input: --input -');
    await askApp(opened, connector, option);
    const visit = (url: URL, code?: string) => showAddress(url, options.browser, code);
    const tokens = needsSignIn(option) ? await signIn(engine, connector, option, input, { port, visit }) : undefined;
    const { integration, isDefault, tested } = await connectAccount(engine, localPrincipal, {
      connector: connector.name,
      option: option.key,
      identifier: options.identifier,
      input,
      settings: readSettings(connector, options.setting ?? {}),
      tokens,
      reconnect: options.reconnect,
    }).catch((error: unknown) => {
      if (!isTielineError(error) || error.code !== 'integration_exists') throw error;
      throw new TielineError(error.code, error.message, { hint: EXISTS_HINT });
    });
    const account = accountLabel(integration);
    print(
      { connector: connector.name, identifier: integration.identifier, account, isDefault, tested },
      options.json,
      (it) =>
        [
          `Connected ${connector.title} as ${it.identifier}${it.account && it.account !== it.identifier ? ` (${it.account})` : ''}.`,
          it.isDefault
            ? 'It is the default account of this connector.'
            : `Use it with the argument integration: "${it.identifier}".`,
          ...(it.tested ? [] : ['The connector has no test, so the credentials have not been tried yet.']),
        ].join('\n'),
    );
  } finally {
    await opened.close();
  }
}

const EXISTS_HINT = 'Choose another name with --identifier, or give it new credentials with --reconnect.';

/** A name that is taken is said before anybody signs in or types secrets. */
async function checkFree(
  engine: Engine,
  connector: Connector,
  { identifier, reconnect }: ConnectOptions,
): Promise<void> {
  if (identifier === undefined || reconnect) return;
  const name = checkIdentifier(identifier);
  const { items } = await readIntegrations(engine.keystore, localPrincipal, connector.name);
  if (!items.some((it) => it.identifier === name && !isPending(it))) return;
  throw new TielineError('integration_exists', `${connector.name} already has an integration ${name}`, {
    hint: EXISTS_HINT,
  });
}

const needsSignIn = (option: AuthOption): boolean => signInKind(option) !== undefined;

async function readInput(source: string): Promise<Values> {
  if (source === '-') return parseObject(await readStream(process.stdin), 'standard input');
  const text = await readFile(source, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new TielineError('usage', `${source} cannot be read (${cause.code})`, { cause });
  });
  return parseObject(text, source);
}

/** The operator's parameters, asked for once: whoever runs Tieline on their own machine is the operator. */
async function askApp({ engine, config }: Opened, connector: Connector, option: AuthOption): Promise<void> {
  const { app } = connector.definition;
  if (!app || !needsSignIn(option)) return;
  const there = await engine.app(connector.name, localPrincipal.organization);
  const { required } = formOf(app.schema);
  if (required.every((it) => there[it] !== undefined)) return;
  const help = app.helpUri === undefined ? '' : ` See ${app.helpUri}`;
  process.stderr.write(`${connector.title} needs an OAuth app of yours, once.${help}\n`);
  await writeApp(
    engine.keystore,
    localPrincipal.organization,
    connector.name,
    await askFields(
      app.schema,
      there,
      `${connector.title} app`,
      `Put them into ${config.file}: connectors.${connector.name}.app`,
    ),
  );
}

export type SignIn = {
  readonly port: number;
  /** Shows the person the address at which the provider asks them, and the code to type there. */
  readonly visit: (url: URL, code?: string) => Promise<void>;
};

/** A sign-in in the browser, with a loopback listener, or on another device: up to the tokens that the provider gave. */
export async function signIn(
  engine: Engine,
  connector: Connector,
  option: AuthOption,
  input: Values,
  { port, visit }: SignIn,
): Promise<Granted> {
  if (signInKind(option) === 'device') {
    const arrived = () => Promise.reject(new Error('nobody comes back from another device'));
    return signInAccount(engine, localPrincipal, connector, option, input, {
      visit: (url, { code }) => visit(url, code),
      arrived,
    });
  }
  let state = '';
  const callback = await listenForCallback(connector.name, () => state, { port, timeoutMs: PATIENCE });
  try {
    return await signInAccount(engine, localPrincipal, connector, option, input, {
      redirectUri: callback.redirectUri,
      visit: (url, started) => {
        state = started.state;
        return visit(url);
      },
      arrived: () => callback.arrived,
    });
  } finally {
    callback.close();
  }
}

async function showAddress(url: URL, mayOpen: boolean, code?: string): Promise<void> {
  const isOpen = mayOpen && (await openBrowser(url));
  const what = isOpen ? 'A browser opens. If it does not, open' : 'Open this address in a browser';
  const typed = code === undefined ? '' : `The code is ${code}\n\n`;
  process.stderr.write(`${what}:\n\n  ${url.href}\n\n${typed}Waiting for the sign-in…\n`);
}

/** Settings come as text; the schema tells what they are. */
function readSettings(connector: Connector, texts: Readonly<Record<string, string>>): Values {
  const { fields } = formOf(connector.settings);
  return Object.fromEntries(
    Object.entries(texts).map(([name, text]) => {
      const { type } = fields[name] ?? {};
      if (type === 'boolean' && /^(true|false)$/.test(text)) return [name, text === 'true'];
      return [name, type === 'integer' || type === 'number' ? Number(text) : text];
    }),
  );
}
