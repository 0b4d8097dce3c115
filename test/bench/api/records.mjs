/** What the API answers, about 2 kB: five records of a common kind. */
export const records = Array.from({ length: 5 }, (_, index) => record(index + 1));

export const body = Buffer.from(JSON.stringify(records));

/** The token that the API takes from those who are given one; others get theirs at its token endpoint. */
export const TOKEN = 'bench-token-0123456789abcdef';

/** The request everyone makes: arguments of the tool, and the path they become. */
export const ARGUMENTS = { owner: 'octo', repo: 'hello', state: 'open', per_page: 30 };
export const PATH = '/repos/octo/hello/issues?state=open&per_page=30';

function record(number) {
  return {
    id: 1_800_000_000 + number,
    number,
    state: 'open',
    title: `Issue ${number}: connection reset while streaming a large body`,
    user: { login: `user${number}`, id: 4_000 + number, type: 'User' },
    labels: ['bug', 'http', 'needs-triage'],
    comments: number % 7,
    created_at: '2026-10-01T12:00:00Z',
    updated_at: '2026-11-20T09:30:00Z',
    html_url: `https://git.example/octo/hello/issues/${number}`,
    body: 'Steps to reproduce are in the linked gist.',
  };
}

/** What is wrong with the answer to a call, whatever shape the server gives the data; undefined if nothing is. */
export function problemOf(message) {
  const text = JSON.stringify(message);
  if (!message?.result || message.result.isError) return `no result: ${text.slice(0, 300)}`;
  const missing = records.filter((it) => !text.includes(it.title) || !text.includes(it.html_url));
  return missing.length === 0 ? undefined : `records are missing: ${text.slice(0, 300)}`;
}
