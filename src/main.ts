#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { EXIT, fail } from './cli/output.ts';
import { TielineError } from './errors.ts';
import { version } from './version.ts';

// Whoever reads the output may stop early, as `head` does; what the command is for goes on.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
// Node's own report of a failure that nobody awaited is not scrubbed.
process.on('uncaughtException', (error) => process.exit(fail(error, false)));

/** Commands load their code when they run, so that `stdio` starts without that of the others. */
const program = new Command('tieline')
  .description("MCP server that lets AI agents use people's accounts safely")
  .version(version)
  .exitOverride()
  .configureHelp({ sortSubcommands: false })
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error:/, 'tieline:')) })
  .showHelpAfterError('Run it with --help to see how it is used.');

const json = ['--json', 'print JSON for programs'] as const;
const collect = (text: string, all: readonly string[] = []) => [...all, text];
const pairs = (text: string, all: Readonly<Record<string, string>> = {}) => {
  const [name = '', ...value] = text.split('=');
  return { ...all, [name]: value.join('=') };
};

program
  .command('stdio')
  .description('serve MCP on stdin and stdout, as local clients start it')
  .action(async () => (await import('./cli/stdio.ts')).stdio());

program
  .command('demo')
  .description('see it work: a provider, two accounts and an MCP client on this machine')
  .option('--keep', 'leave the provider running, and print a client configuration for it')
  .option(...json)
  .action(async (options) => {
    process.exitCode = await (await import('./cli/demo.ts')).demo(options);
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
  .action(async (connector, options) => (await import('./cli/connect.ts')).connect(connector, options));

const integrations = program.command('integrations').description('the accounts that are connected');
integrations
  .command('list')
  .description('who is connected where')
  .option(...json)
  .action(async (options) => (await import('./cli/integrations.ts')).list(options));
integrations
  .command('default')
  .description('choose the account that serves calls which name none')
  .argument('<connector>')
  .argument('<identifier>')
  .option(...json)
  .action(async (connector, identifier, options) =>
    (await import('./cli/integrations.ts')).setDefault(connector, identifier, options),
  );
integrations
  .command('rename')
  .description('give an account another identifier')
  .argument('<connector>')
  .argument('<identifier>')
  .argument('<new>')
  .option(...json)
  .action(async (connector, identifier, next, options) =>
    (await import('./cli/integrations.ts')).rename(connector, identifier, next, options),
  );
integrations
  .command('remove')
  .description('forget an account and its credentials')
  .argument('<connector>')
  .argument('<identifier>')
  .option(...json)
  .action(async (connector, identifier, options) =>
    (await import('./cli/integrations.ts')).remove(connector, identifier, options),
  );

program
  .command('call')
  .description('run one action')
  .argument('<connector>')
  .argument('<entity>')
  .argument('<action>')
  .option('--params <json>', 'its parameters as a JSON object', '{}')
  .option('--integration <identifier>', 'the account to use; the default one when absent')
  .option(...json)
  .action(async (connector, entity, action, options) =>
    (await import('./cli/call.ts')).call(connector, entity, action, options),
  );

const connectors = program.command('connectors').description('what can be connected');
connectors
  .command('list')
  .description('the connectors that are switched on')
  .option('--all', 'also those that are not switched on')
  .option(...json)
  .action(async (options) => (await import('./cli/connectors.ts')).list(options));
connectors
  .command('show')
  .description('its actions, ways to connect, and settings')
  .argument('<name>')
  .option(...json)
  .action(async (name, options) => (await import('./cli/connectors.ts')).show(name, options));
connectors
  .command('lint')
  .description('check definitions and replay their recorded examples')
  .argument('[path...]', 'files or folders; all by default')
  .option(...json)
  .action(async (paths, options) => {
    process.exitCode = await (await import('./cli/lint.ts')).lint(paths, options);
  });
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
    (await import('./cli/try.ts')).tryAction(name, entity, action, options),
  );

program
  .command('doctor')
  .description('check configuration, connectors and keystore')
  .option(...json)
  .action(async (options) => {
    process.exitCode = await (await import('./cli/doctor.ts')).doctor(options);
  });

program
  .command('mcp-config')
  .description('print what to paste into the configuration of an MCP client')
  .action(async () => (await import('./cli/mcpconfig.ts')).mcpConfig());

const isJson = process.argv.includes('--json');
try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) process.exitCode = fail(error, isJson);
  else if (error.exitCode === 0) process.exitCode = EXIT.done;
  // commander has told it to a person already
  else
    process.exitCode = isJson
      ? fail(new TielineError('usage', error.message.replace(/^error: /, '')), true)
      : EXIT.usage;
}
