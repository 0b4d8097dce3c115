import { describe, expect, it } from 'vitest';
import { type Entry, MCP_CLIENTS } from '../../src/cli/mcpclients.ts';
import { mainFile } from '../e2e/program.ts';
import { tieline } from './inprocess.ts';

const local: Entry = {
  transport: 'stdio',
  command: '/usr/bin/node',
  args: ['/opt/my tieline/main.js', 'stdio'],
  env: { TIELINE_HOME: '/home/ada/it’s here' },
};
const remote: Entry = { transport: 'http', url: 'https://tieline.example/mcp' };
const server = { command: local.command, args: local.args, env: local.env };

describe('what a client is told', () => {
  it.each([
    [
      'claude-code',
      "claude mcp add --env 'TIELINE_HOME=/home/ada/it’s here' --scope user tieline -- /usr/bin/node '/opt/my tieline/main.js' stdio",
      'claude mcp add --transport http --scope user tieline https://tieline.example/mcp',
    ],
    [
      'inspector',
      "npx @modelcontextprotocol/inspector -e 'TIELINE_HOME=/home/ada/it’s here' -- /usr/bin/node '/opt/my tieline/main.js' stdio",
      'npx @modelcontextprotocol/inspector --transport http --server-url https://tieline.example/mcp',
    ],
  ])('%s runs a command', (name, ofLocal, ofRemote) => {
    const setup = (entry: Entry) => MCP_CLIENTS[name]?.setup(entry, 'linux');
    expect(setup(local)).toEqual({ kind: 'run', command: ofLocal });
    expect(setup(remote)).toEqual({ kind: 'run', command: ofRemote });
  });

  it.each([
    ['claude-desktop', 'darwin', '~/Library/Application Support/Claude/claude_desktop_config.json'],
    ['claude-desktop', 'win32', '%APPDATA%\\Claude\\claude_desktop_config.json'],
    ['cursor', 'linux', '~/.cursor/mcp.json'],
    ['cursor', 'win32', '%USERPROFILE%\\.cursor\\mcp.json'],
  ] as const)('%s has on %s the file %s', (name, platform, file) => {
    const setup = MCP_CLIENTS[name]?.setup(local, platform);
    expect(setup).toMatchObject({ kind: 'file', content: { mcpServers: { tieline: server } } });
    expect(setup).toHaveProperty('files.0', file);
  });

  it('vscode names the servers in its own way', () => {
    const content = (entry: Entry) => MCP_CLIENTS.vscode?.setup(entry, 'linux');
    expect(content(local)).toHaveProperty('content', { servers: { tieline: { type: 'stdio', ...server } } });
    expect(content(remote)).toHaveProperty('content', { servers: { tieline: { type: 'http', url: remote.url } } });
  });

  it('those that come from elsewhere take an address', () => {
    expect(MCP_CLIENTS.chatgpt?.setup(local, 'linux')).toBeUndefined();
    for (const name of ['chatgpt', 'claude-desktop']) {
      expect(MCP_CLIENTS[name]?.setup(remote, 'linux')).toMatchObject({ kind: 'settings', url: remote.url });
    }
  });
});

describe('mcp-config', () => {
  const TIELINE_URL = 'https://tieline.example/';

  it('prints a command, or JSON with the place for it beside', async () => {
    const code = await tieline(['mcp-config', '--client', 'claude-code']);
    expect(code).toMatchObject({ code: 0, stderr: '' });
    expect(code.stdout).toBe(`claude mcp add --scope user tieline -- ${process.execPath} ${mainFile} stdio\n`);
    const vscode = await tieline(['mcp-config', '--client', 'vscode', '--http'], { env: { TIELINE_URL } });
    expect(JSON.parse(vscode.stdout).servers.tieline).toEqual({ type: 'http', url: remote.url });
    expect(vscode.stderr).toContain('.vscode/mcp.json');
  });

  it('tells programs the whole of it', async () => {
    const { stdout } = await tieline(['mcp-config', '--client', 'chatgpt', '--http', '--json'], {
      env: { TIELINE_URL },
    });
    expect(JSON.parse(stdout)).toEqual({
      client: 'chatgpt',
      kind: 'settings',
      where: expect.stringContaining('Connectors'),
      url: remote.url,
    });
  });

  it('says what cannot be', async () => {
    const chatgpt = await tieline(['mcp-config', '--client', 'chatgpt']);
    expect(chatgpt).toMatchObject({ code: 2, stderr: expect.stringContaining('--http') });
    for (const name of ['telnet', 'constructor']) {
      const other = await tieline(['mcp-config', '--client', name]);
      expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining('claude-code') });
    }
    const plain = await tieline(['mcp-config', '--client', 'chatgpt', '--http']);
    expect(plain.stderr).toContain('https');
  });
});
