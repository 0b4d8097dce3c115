/** How a client is told of this server: what it starts, or where it finds it. */
export type Entry =
  | {
      readonly transport: 'stdio';
      readonly command: string;
      readonly args: readonly string[];
      readonly env: Readonly<Record<string, string>>;
    }
  | { readonly transport: 'http'; readonly url: string };

/** What a person does with an entry: runs a command, pastes JSON into a file, or types an address into settings. */
export type Setup =
  | { readonly kind: 'run'; readonly command: string }
  | { readonly kind: 'file'; readonly files: readonly string[]; readonly content: object }
  | { readonly kind: 'settings'; readonly where: string; readonly url: string };

type Platform = NodeJS.Platform;

type McpClient = {
  readonly title: string;
  /** Undefined for a transport that the client does not have. */
  setup(entry: Entry, platform: Platform): Setup | undefined;
  /** Whether it reaches servers over the internet only, and so by https. */
  readonly isRemote?: (entry: Entry) => boolean;
};

const started = ({ command, args, env }: Extract<Entry, { transport: 'stdio' }>) => ({
  command,
  args,
  ...(Object.keys(env).length > 0 && { env }),
});

const isHttp = ({ transport }: Entry): boolean => transport === 'http';

/** Quoted for a shell where it has to be. */
function quoted(text: string, platform: Platform): string {
  if (/^[\w@%+=:,./\\-]+$/.test(text)) return text;
  return platform === 'win32' ? `"${text}"` : `'${text.replaceAll("'", "'\\''")}'`;
}

const commandLine = (parts: readonly string[], platform: Platform): string =>
  parts.map((it) => quoted(it, platform)).join(' ');

const environment = (flag: string, env: Readonly<Record<string, string>>): string[] =>
  Object.entries(env).flatMap(([name, value]) => [flag, `${name}=${value}`]);

const DESKTOP_FOLDERS: Partial<Record<Platform, string>> = {
  darwin: '~/Library/Application Support/Claude/',
  win32: '%APPDATA%\\Claude\\',
};

/** The clients that are known by name. */
export const MCP_CLIENTS: Readonly<Record<string, McpClient>> = {
  'claude-code': {
    title: 'Claude Code',
    setup(entry, platform) {
      const add = ['claude', 'mcp', 'add'];
      const parts =
        entry.transport === 'http'
          ? [...add, '--transport', 'http', '--scope', 'user', 'tieline', entry.url]
          : // An option stands between those that may be repeated and the name, which they would take for one more.
            [
              ...add,
              ...environment('--env', entry.env),
              '--scope',
              'user',
              'tieline',
              '--',
              entry.command,
              ...entry.args,
            ];
      return { kind: 'run', command: commandLine(parts, platform) };
    },
  },
  'claude-desktop': {
    title: 'Claude Desktop',
    isRemote: isHttp,
    setup(entry, platform) {
      if (entry.transport === 'http') {
        return { kind: 'settings', where: 'Settings, Connectors, Add custom connector', url: entry.url };
      }
      const folder = DESKTOP_FOLDERS[platform] ?? '~/.config/Claude/';
      return {
        kind: 'file',
        files: [`${folder}claude_desktop_config.json`],
        content: { mcpServers: { tieline: started(entry) } },
      };
    },
  },
  vscode: {
    title: 'Visual Studio Code',
    setup(entry) {
      const server =
        entry.transport === 'http' ? { type: 'http', url: entry.url } : { type: 'stdio', ...started(entry) };
      const files = ['.vscode/mcp.json', 'the file that the command “MCP: Open User Configuration” opens'];
      return { kind: 'file', files, content: { servers: { tieline: server } } };
    },
  },
  cursor: {
    title: 'Cursor',
    setup(entry, platform) {
      const server = entry.transport === 'http' ? { url: entry.url } : started(entry);
      const home = platform === 'win32' ? '%USERPROFILE%\\.cursor\\mcp.json' : '~/.cursor/mcp.json';
      return { kind: 'file', files: [home, '.cursor/mcp.json'], content: { mcpServers: { tieline: server } } };
    },
  },
  chatgpt: {
    title: 'ChatGPT',
    isRemote: isHttp,
    setup: (entry) =>
      entry.transport === 'http'
        ? { kind: 'settings', where: 'Settings, Connectors, Create (in developer mode)', url: entry.url }
        : undefined,
  },
  inspector: {
    title: 'MCP Inspector',
    setup(entry, platform) {
      const run = ['npx', '@modelcontextprotocol/inspector'];
      const parts =
        entry.transport === 'http'
          ? [...run, '--transport', 'http', '--server-url', entry.url]
          : [...run, ...environment('-e', entry.env), '--', entry.command, ...entry.args];
      return { kind: 'run', command: commandLine(parts, platform) };
    },
  },
};
