import { spawn } from 'node:child_process';

/**
 * Opens a web address in the person's browser; false where there is none. The address is an argument of its own,
 * never part of a command line (CVE-2025-6514).
 */
export function openBrowser(url: URL): Promise<boolean> {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return Promise.resolve(false);
  const [command, ...args] = opener(url.href);
  if (command === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: 'ignore', detached: true, shell: false });
    child.once('error', () => resolve(false));
    child.once('spawn', () => resolve(true));
    child.unref();
  });
}

function opener(href: string): string[] {
  if (process.platform === 'darwin') return ['open', href];
  if (process.platform === 'win32') return ['rundll32', 'url.dll,FileProtocolHandler', href];
  const hasDisplay = process.env.DISPLAY || process.env.WAYLAND_DISPLAY;
  return hasDisplay ? ['xdg-open', href] : [];
}
