import { Command, CommanderError, Option } from 'commander';
import { TielineError } from '../errors.ts';
import { version } from '../version.ts';
import { finishAtSignals } from './finishing.ts';
import { EXIT, fail } from './output.ts';

const json = ['--json', 'print JSON for programs'] as const;
const collect = (text: string, all: readonly string[] = []) => [...all, text];
const pairs = (text: string, all: Readonly<Record<string, string>> = {}) => {
  const [name = '', ...value] = text.split('=');
  return { ...all, [name]: value.join('=') };
};

/** Commands that end at a signal in their own way. */
const OWN_SIGNALS = new Set(['stdio', 'serve', 'demo']);

/** All commands. They load their code when they run, so that `stdio` starts without that of the others. */
function commands(): Command {
  const program = new Command('tieline')
    .description("MCP server that lets AI agents use people's accounts safely")
    .version(version)
    .exitOverride()
    .configureHelp({ sortSubcommands: false })
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error:/, 'tieline:')) })
    .hook('preAction', (_, command) => {
      if (!OWN_SIGNALS.has(command.name())) finishAtSignals();
    })
    .showHelpAfterError('Run it with --help to see how it is used.');

  program
    .command('stdio')
    .description('serve MCP on stdin and stdout, as local clients start it')
    .action(async () => (await import('./stdio.ts')).stdio());

  program
    .command('serve')
    .description('serve the REST API over HTTP, for many users')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <number>', 'port to listen on; 0 is any', '8080')
    .option(...json)
    .action(async (options) => (await import('./serve.ts')).serve(options));

  program
    .command('demo')
    .description('see it work: a provider, two accounts and an MCP client on this machine')
    .option('--keep', 'leave the provider running, and print a client configuration for it')
    .option(
      '--faults [name...]',
      'watch what becomes of an account while its provider misbehaves, in every way or these',
    )
    .option(...json)
    .action(async (options) => {
      process.exitCode = await (await import('./demo.ts')).demo(options);
    });

  program
    .command('connect')
    .description('link an account')
    .argument('<connector>')
    .option('--option <key>', 'way to authenticate; see `connectors show`')
    .option('--identifier <name>', 'name for this account')
    .option('--input <file>', 'JSON object with the fields to be asked for; - is standard input')
    .option('--setting <name=value>', 'a setting of the account; may be repeated', pairs)
    .option('--reconnect', 'put new credentials under the identifier if it is there')
    .option('--no-browser', 'print the address instead of opening it')
    .option('--port <number>', 'port for the answer of the provider; 0 is any', '0')
    .option(...json)
    .action(async (connector, options) => (await import('./connect.ts')).connect(connector, options));

  const integrations = program.command('integrations').description('the accounts that are connected');
  integrations
    .command('list')
    .description('who is connected where')
    .option(...json)
    .action(async (options) => (await import('./integrations.ts')).list(options));
  integrations
    .command('default')
    .description('choose the account that serves calls which name none')
    .argument('<connector>')
    .argument('<identifier>')
    .option(...json)
    .action(async (connector, identifier, options) =>
      (await import('./integrations.ts')).setDefault(connector, identifier, options),
    );
  integrations
    .command('rename')
    .description('give an account another identifier')
    .argument('<connector>')
    .argument('<identifier>')
    .argument('<new>')
    .option(...json)
    .action(async (connector, identifier, next, options) =>
      (await import('./integrations.ts')).rename(connector, identifier, next, options),
    );
  integrations
    .command('disable')
    .description('keep an account, and let it serve no calls')
    .argument('<connector>')
    .argument('<identifier>')
    .option(...json)
    .action(async (connector, identifier, options) =>
      (await import('./integrations.ts')).disable(connector, identifier, options),
    );
  integrations
    .command('enable')
    .description('let a disabled account serve calls again')
    .argument('<connector>')
    .argument('<identifier>')
    .option(...json)
    .action(async (connector, identifier, options) =>
      (await import('./integrations.ts')).enable(connector, identifier, options),
    );
  integrations
    .command('revoke')
    .description('end the access of an account and wipe its credentials, keeping its name for a reconnect')
    .argument('<connector>')
    .argument('<identifier>')
    .option(...json)
    .action(async (connector, identifier, options) =>
      (await import('./integrations.ts')).endAccess(connector, identifier, options),
    );
  integrations
    .command('remove')
    .description('forget an account and its credentials')
    .argument('<connector>')
    .argument('<identifier>')
    .option(...json)
    .action(async (connector, identifier, options) =>
      (await import('./integrations.ts')).remove(connector, identifier, options),
    );

  const connections = program.command('connections').description('HTTP APIs of your own, without a definition');
  connections
    .command('create')
    .description('connect an HTTP API by its base URL; asks for what it needs')
    .option('--input <file>', 'the connection as YAML or JSON; - is standard input')
    .option('--force', 'keep it although it does not work')
    .option(...json)
    .action(async (options) => (await import('./connections.ts')).create(options));
  connections
    .command('list')
    .description('the connections there are')
    .option(...json)
    .action(async (options) => (await import('./connections.ts')).list(options));
  connections
    .command('show')
    .description('its settings and tools, without secrets')
    .argument('<name>')
    .option(...json)
    .action(async (name, options) => (await import('./connections.ts')).show(name, options));
  connections
    .command('edit')
    .description('change what the input says; absent and null secrets are kept')
    .argument('<name>')
    .requiredOption('--input <file>', 'the changes as YAML or JSON; - is standard input')
    .option('--force', 'keep it although it does not work')
    .option(...json)
    .action(async (name, options) => (await import('./connections.ts')).edit(name, options));
  connections
    .command('test')
    .description('ask its test path')
    .argument('<name>')
    .option(...json)
    .action(async (name, options) => {
      process.exitCode = await (await import('./connections.ts')).test(name, options);
    });
  connections
    .command('export')
    .description('print it as YAML, without secrets')
    .argument('<name>')
    .option(...json)
    .action(async (name, options) => (await import('./connections.ts')).exportTo(name, options));
  connections
    .command('import')
    .description('create one from an exported file; asks for its secrets')
    .argument('<file>', 'YAML or JSON; - is standard input')
    .option('--force', 'keep it although it does not work')
    .option(...json)
    .action(async (file, options) => (await import('./connections.ts')).importFile(file, options));
  connections
    .command('remove')
    .description('forget it, with its credentials')
    .argument('<name>')
    .option(...json)
    .action(async (name, options) => (await import('./connections.ts')).remove(name, options));

  program
    .command('call')
    .description('run one action')
    .argument('<connector>')
    .argument('<entity>')
    .argument('<action>')
    .option('--params <json>', 'its parameters as a JSON object', '{}')
    .option('--integration <identifier>', 'the account to use; the default one when absent')
    .option('--idempotency-key <key>', 'make the same call under the same key once in a day')
    .option(...json)
    .action(async (connector, entity, action, options) =>
      (await import('./call.ts')).call(connector, entity, action, options),
    );

  const connectors = program.command('connectors').description('what can be connected');
  connectors
    .command('list')
    .description('the connectors that are switched on')
    .option('--all', 'also those that are not switched on')
    .option(...json)
    .action(async (options) => (await import('./connectors.ts')).list(options));
  connectors
    .command('show')
    .description('its actions, ways to connect, and settings')
    .argument('<name>')
    .option(...json)
    .action(async (name, options) => (await import('./connectors.ts')).show(name, options));
  connectors
    .command('types')
    .description('print declarations that let the TypeScript compiler check calls of the SDK')
    .argument('[name...]', 'connectors; all that are switched on by default')
    .addOption(new Option('--shipped', 'those that come with the package, for its build').hideHelp())
    .action(async (names, options) => (await import('./types.ts')).types(names, options));
  connectors
    .command('lint')
    .description('check definitions and replay their recorded examples')
    .argument('[path...]', 'files or folders; all by default')
    .option(...json)
    .action(async (paths, options) => {
      process.exitCode = await (await import('./lint.ts')).lint(paths, options);
    });
  connectors
    .command('compile', { hidden: true })
    .description('check the shipped definitions once for all starts; part of the build')
    .action(async () => (await import('./compile.ts')).compile());
  connectors
    .command('try')
    .description('print the exact request of an action without sending it, and shape sample answers')
    .argument('<name>')
    .argument('<entity>')
    .argument('<action>')
    .option('--params <json>', 'its parameters as a JSON object', '{}')
    .option('--input <json>', 'what the user would have typed on connecting')
    .option('--option <key>', 'way to authenticate')
    .option('--response <file>', 'a sample answer, one for each request', collect)
    .option('--status <code>', 'status of the sample answers', '200')
    .option(...json)
    .action(async (name, entity, action, options) =>
      (await import('./try.ts')).tryAction(name, entity, action, options),
    );

  const organization = ['--organization <id>', 'the organization; may be left out where there is one'] as const;
  const users = program.command('users').description('the users of an organization, for a server of a team');
  users
    .command('bootstrap')
    .description('make an organization and its first client API key, which is shown this once')
    .option('--name <name>', 'name of the organization', 'default')
    .option(...json)
    .action(async (options) => (await import('./users.ts')).start(options));
  users
    .command('list')
    .description('who is registered')
    .option(...organization)
    .option(...json)
    .action(async (options) => (await import('./users.ts')).list(options));
  for (const [name, description, run] of [
    ['create', 'register a user; the secret is shown this once', 'create'],
    ['rotate', 'give a user a new secret; the old one and its tokens end', 'rotate'],
    ['disable', 'serve a user nothing until enabled again', 'disable'],
    ['enable', 'serve a user again', 'enable'],
    ['delete', 'delete a user with all integrations', 'remove'],
  ] as const) {
    users
      .command(name)
      .description(description)
      .argument('<identifier>')
      .option(...organization)
      .option(...json)
      .action(async (identifier, options) => (await import('./users.ts'))[run](identifier, options));
  }

  const organizations = program.command('organizations').description('the tenants of a server');
  organizations
    .command('list')
    .description('the organizations there are')
    .option(...json)
    .action(async (options) => (await import('./users.ts')).organizations(options));
  organizations
    .command('redirect')
    .description('allow one more address that browsers may be sent to after a connect flow')
    .argument('<url>')
    .option(...organization)
    .option(...json)
    .action(async (url, options) => (await import('./users.ts')).redirect(url, options));

  const keys = program.command('keys').description('client API keys, the keys that sign tokens, and the master key');
  keys
    .command('create')
    .description('make a client API key, which is shown this once')
    .argument('<name>', 'what it is for')
    .option(...organization)
    .option(...json)
    .action(async (name, options) => (await import('./users.ts')).createKey(name, options));
  keys
    .command('list')
    .description('the client API keys of an organization, without their text')
    .option(...organization)
    .option(...json)
    .action(async (options) => (await import('./users.ts')).listKeys(options));
  keys
    .command('revoke')
    .description('end a client API key')
    .argument('<id>')
    .option(...organization)
    .option(...json)
    .action(async (id, options) => (await import('./users.ts')).revokeKey(id, options));
  keys
    .command('jwks')
    .description('print the public keys as a JWKS, for APIs that check those tokens')
    .option(...json)
    .action(async () => (await import('./keys.ts')).jwks());
  keys
    .command('rotate')
    .description('make a new key; tokens of the one before stay valid until they expire')
    .option(...json)
    .action(async (options) => (await import('./keys.ts')).rotate(options));
  keys
    .command('rewrap')
    .description('seal all records with the current master key, so that an earlier one can go')
    .option(...json)
    .action(async (options) => {
      process.exitCode = await (await import('./keys.ts')).rewrap(options);
    });

  const tokens = program
    .command('tokens')
    .description('personal access tokens, with which MCP clients of users come in');
  tokens
    .command('create')
    .description('make a token for a user, which is shown this once')
    .argument('<identifier>', 'the user')
    .argument('<name>', 'what it is for')
    .option('--scopes <scopes>', 'read, write and manage, separated by commas', 'read,write')
    .option('--days <number>', 'how long it is good', '90')
    .option(...organization)
    .option(...json)
    .action(async (identifier, name, options) => (await import('./tokens.ts')).create(identifier, name, options));
  tokens
    .command('list')
    .description('the tokens of a user, without their text')
    .argument('<identifier>', 'the user')
    .option(...organization)
    .option(...json)
    .action(async (identifier, options) => (await import('./tokens.ts')).list(identifier, options));
  tokens
    .command('revoke')
    .description('end a token of a user')
    .argument('<identifier>', 'the user')
    .argument('<id>')
    .option(...organization)
    .option(...json)
    .action(async (identifier, id, options) => (await import('./tokens.ts')).revoke(identifier, id, options));

  program
    .command('doctor')
    .description('check configuration, connectors and keystore')
    .option(...json)
    .action(async (options) => {
      process.exitCode = await (await import('./doctor.ts')).doctor(options);
    });

  program
    .command('mcp-config')
    .description('print what to run or to paste so that an MCP client uses this server')
    .option('--client <name>', 'claude-code, claude-desktop, vscode, cursor, chatgpt or inspector')
    .option('--http', 'for a server on HTTP, at TIELINE_URL')
    .option(...json)
    .action(async (options) => (await import('./mcpconfig.ts')).mcpConfig(options));

  return program;
}

/** Runs one command, as `tieline …` at a terminal, and gives its exit code: 0 done, 1 failed, 2 wrong usage. */
export async function run(args: readonly string[]): Promise<number> {
  const isJson = args.includes('--json');
  process.exitCode = undefined;
  try {
    await commands().parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? EXIT.done);
  } catch (error) {
    if (!(error instanceof CommanderError)) return fail(error, isJson);
    if (error.exitCode === 0) return EXIT.done;
    // commander has told it to a person already
    return isJson ? fail(new TielineError('usage', error.message.replace(/^error: /, '')), true) : EXIT.usage;
  }
}
