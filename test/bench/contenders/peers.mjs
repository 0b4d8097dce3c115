import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '../../freeport.mjs';
import { openapi } from '../api/openapi.mjs';
import { ARGUMENTS, TOKEN } from '../api/records.mjs';
import { toolboxConfig } from '../api/toolbox.mjs';
import { openHttp } from '../drive/http.mjs';
import { LEGACY, MODERN } from '../drive/protocol.mjs';
import { openStdio } from '../drive/stdio.mjs';
import { WORK } from './build.mjs';

const run = promisify(execFile);
const node = process.execPath;
const peers = fileURLToPath(new URL('../peers', import.meta.url));
const generator = `${peers}/generator`;

/** Installs what is not there yet: `{ servers, generator }`, each the reason why it is missing, or undefined. */
export async function installPeers(progress) {
  const install = async (folder, what) => {
    if (existsSync(`${folder}/node_modules/.package-lock.json`)) return undefined;
    progress(`Installing ${what} in ${folder}; this is done once.`);
    const arguments_ = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
    return run('npm', arguments_, { cwd: folder }).then(
      () => undefined,
      (error) => `not installed: ${/^npm error (.*)$/m.exec(error.stderr)?.[1] ?? error.message}`,
    );
  };
  return { servers: await install(peers, 'the peers'), generator: await install(generator, 'openapi-mcp-generator') };
}

const call = { name: 'bench_issues_list', arguments: ARGUMENTS };

/**
 * A contender by what makes its program: `{ command, args, env }`, of the number of tools, the API's address and, over
 * HTTP, the port.
 */
function contender(name, transport, era, program, more = {}) {
  const open = async ({ upstream, tools = 1 }) => {
    const port = transport === 'http' ? await freePort() : undefined;
    const made = { command: node, ...(await program({ tools, url: upstream.url, port })), port };
    return transport === 'http' ? openHttp(made, era) : openStdio(made, era);
  };
  return { name, transport, era, call, open, ...more };
}

/** One of ours, written with a library. */
const written = (name, file, transport, era, more) => {
  const program = ({ tools, url, port }) => ({
    args: [`${peers}/servers/${file}.mjs`],
    env: { UPSTREAM: url, TOOLS: String(tools), ...(port !== undefined && { PORT: String(port) }) },
  });
  return contender(name, transport, era, program, { needs: 'servers', ...more });
};

const server = 'SDK Server';
const mcpServer = 'SDK McpServer';

/** The bare SDK. On stdio it needs no more than Tieline does. */
export const sdk = [
  written(server, 'sdk-server', 'stdio', MODERN, { needs: undefined }),
  written(server, 'sdk-server', 'stdio', LEGACY, { needs: undefined }),
  written(mcpServer, 'sdk-mcpserver', 'stdio', MODERN, { needs: undefined }),
  written(mcpServer, 'sdk-mcpserver', 'stdio', LEGACY, { needs: undefined }),
  written(server, 'sdk-server', 'http', MODERN),
  written(server, 'sdk-server', 'http', LEGACY),
  written(mcpServer, 'sdk-mcpserver', 'http', MODERN),
  written(mcpServer, 'sdk-mcpserver', 'http', LEGACY),
];

/** One spec or configuration for each number of tools, written when it is first needed. */
async function fileFor(name, content) {
  await mkdir(WORK, { recursive: true });
  await writeFile(`${WORK}/${name}`, JSON.stringify(content));
  return `${WORK}/${name}`;
}

const specFor = (tools, url) => fileFor(`openapi-${tools}.json`, openapi(tools, url));

const ON_STREAM = 'it answers calls on the GET stream of its session, which these drivers do not read';

const ivoto = (transport) => {
  const program = async ({ tools, url, port }) => ({
    args: [
      `${peers}/node_modules/@ivotoby/openapi-mcp-server/bin/mcp-server.js`,
      ...['--api-base-url', url, '--openapi-spec', await specFor(tools, url)],
      ...['--headers', `Authorization:Bearer ${TOKEN}`, '--verbose', 'false', '--disable-abbreviation', 'true'],
      ...(port === undefined ? [] : ['--transport', 'http', '--port', String(port)]),
    ],
  });
  const named = { ...call, name: call.name.replaceAll('_', '-') };
  const more = { needs: 'servers', call: named, ...(transport === 'http' && { leftOut: ON_STREAM }) };
  return contender('@ivotoby/openapi-mcp-server', transport, LEGACY, program, more);
};

const toolbox = (transport, era) => {
  const program = async ({ tools, url, port }) => ({
    command: `${peers}/node_modules/@toolbox-sdk/server-linux-x64/bin/toolbox`,
    args: [
      ...['--config', await fileFor(`toolbox-${tools}.yaml`, toolboxConfig(tools, url))],
      ...['--disable-version-check', '--disable-reload', '--log-level', 'ERROR'],
      ...(port === undefined ? ['--stdio'] : ['--port', String(port)]),
    ],
  });
  return contender('@toolbox-sdk/server (Go)', transport, era, program, { needs: 'servers' });
};

/** Its output has the address of the API and its own port written in, so it is made anew for each start. */
const generated = (transport) => {
  const program = async ({ tools, url, port }) => {
    const folder = `${WORK}/generated-${transport}-${tools}`;
    await rm(folder, { recursive: true, force: true });
    const overHttp = port === undefined ? [] : ['--transport', 'streamable-http', '--port', String(port)];
    const script = `${generator}/node_modules/openapi-mcp-generator/bin/openapi-mcp-generator.js`;
    const spec = await specFor(tools, url);
    await run(node, [script, '-i', spec, '-o', folder, '-b', url, '--force', ...overHttp]);
    await symlink(`${generator}/node_modules`, `${folder}/node_modules`);
    const sources = (await readdir(`${folder}/src`)).map((it) => `${folder}/src/${it}`);
    const compile = ['--format=esm', '--target=node20', `--outdir=${folder}/build`];
    await run(`${generator}/node_modules/.bin/esbuild`, [...sources, ...compile, '--log-level=error']);
    const flags = port === undefined ? [] : ['--transport=streamable-http'];
    return { args: [`${folder}/build/index.js`, ...flags], env: { BEARER_TOKEN_BEARER: TOKEN } };
  };
  return contender('openapi-mcp-generator', transport, LEGACY, program, { needs: 'generator' });
};

export const peerServers = [
  written('fastmcp', 'fastmcp', 'stdio', LEGACY),
  written('fastmcp', 'fastmcp', 'http', LEGACY),
  written('tmcp', 'tmcp', 'stdio', MODERN),
  written('tmcp', 'tmcp', 'http', MODERN),
  ivoto('stdio'),
  ivoto('http'),
  generated('stdio'),
  generated('http'),
  toolbox('stdio', LEGACY),
  toolbox('http', MODERN),
];
