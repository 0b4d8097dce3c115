import { execFile } from 'node:child_process';

/**
 * Runs a curl command as it is printed, after `replacements` of its placeholders: `{ status, body }`. Without curl the
 * same request is sent by fetch.
 */
export async function curl(printed, replacements) {
  let command = printed;
  for (const [placeholder, value] of Object.entries(replacements)) {
    if (value === undefined) continue;
    if (!command.includes(placeholder)) throw new Error(`the command has no ${placeholder}`);
    command = command.replaceAll(placeholder, value);
  }
  const args = argumentsOf(command);
  const answer = await run(args).catch((error) => {
    if (error.code !== 'ENOENT') throw error;
    return send(args);
  });
  const [, text = '', status = ''] = /^([\s\S]*)\n(\d{3})$/.exec(answer) ?? [];
  return { status: Number(status), body: text === '' ? undefined : JSON.parse(text) };
}

/** Words of a command for a shell, with quotes and line breaks as they are used in the documents. */
function argumentsOf(command) {
  const words =
    command
      .trim()
      .replace(/\\\n/g, ' ')
      .match(/'[^']*'|"[^"]*"|[^\s'"]+/g) ?? [];
  return words.slice(1).map((it) => it.replace(/^(['"])([\s\S]*)\1$/, '$2'));
}

const run = (args) =>
  new Promise((resolve, reject) => {
    execFile(
      'curl',
      ['--silent', '--noproxy', '*', '--show-error', '--max-time', '30', '--write-out', '\n%{http_code}', ...args],
      (error, stdout) => (error ? reject(error) : resolve(stdout)),
    );
  });

async function send(args) {
  const valuesOf = (option) => args.flatMap((it, i) => (it === option ? [args[i + 1]] : []));
  const url = args.find((it) => /^https?:/.test(it));
  const headers = valuesOf('-H').map((it) => it.split(/:\s*(.*)/s).slice(0, 2));
  const response = await fetch(url, { method: valuesOf('-X')[0], headers, body: valuesOf('-d')[0] });
  return `${await response.text()}\n${response.status}`;
}
