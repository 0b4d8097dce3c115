import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);

/** Why tests with a real browser are left out; empty where there is one. */
export const chromiumIsAbsent = executablePath === undefined ? ' (left out: there is no Chromium)' : '';

/** A real browser, without a window. */
export function openChromium(): Promise<Browser> {
  if (executablePath === undefined) throw new Error('there is no Chromium');
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}
