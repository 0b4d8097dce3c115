/** What the servers share: the tools from the environment, and the request that the first of them makes. */
import { Pool } from 'undici';
import { inputSchema, operations } from '../../api/operations.mjs';
import { TOKEN } from '../../api/records.mjs';

const { UPSTREAM, TOOLS = '1', PORT } = process.env;

/** Where to serve HTTP; undefined for stdio. */
export const port = PORT === undefined ? undefined : Number(PORT);

export const tools = operations(Number(TOOLS)).map((it) => ({
  name: it.name,
  description: it.summary,
  inputSchema: inputSchema(it),
}));

const pool = new Pool(UPSTREAM, { connections: 64, pipelining: 1 });
const headers = { authorization: `Bearer ${TOKEN}`, accept: 'application/json' };

/** Makes the request, and hands its body on as text. */
export async function listIssues({ owner, repo, ...query }) {
  const path = `/repos/${encodeURIComponent(owner)}/${encodeURIComponent(repo)}/issues?${new URLSearchParams(query)}`;
  const { statusCode, body } = await pool.request({ path, method: 'GET', headers });
  const text = await body.text();
  return { content: [{ type: 'text', text }], ...(statusCode >= 400 && { isError: true }) };
}

/** The parameters of a tool as zod has them, for servers that take nothing else. */
export function zodShape(z, { inputSchema: { properties, required } }) {
  const typeOf = ({ enum: values, type, description }) =>
    (values ? z.enum(values) : type === 'integer' ? z.number().int() : z.string()).describe(description);
  const entries = Object.entries(properties).map(([name, it]) => [
    name,
    required.includes(name) ? typeOf(it) : typeOf(it).optional(),
  ]);
  return Object.fromEntries(entries);
}
