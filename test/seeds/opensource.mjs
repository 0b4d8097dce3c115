/**
 * The program of somebody without a server: one Gmail account in this process. Its standard input is JSON, the options
 * of `connector` and whether `tools` are wanted; it prints what the calls gave.
 */
import { text } from 'node:stream/consumers';
import { agentTool, connector } from '../../dist/index.js';

const { options, isCheck } = JSON.parse(await text(process.stdin));
const kept = [];
const gmail = connector('gmail', { ...options, onCredentials: (it) => void kept.push(it) });
try {
  const { data: profile } = await gmail.execute('profile', 'get');
  const { data: messages } = await gmail.execute('messages', 'list', { q: 'lunch' });
  const { name } = await agentTool(gmail);
  const checked = isCheck ? await gmail.check() : undefined;
  process.stdout.write(JSON.stringify({ profile, messages, name, checked, kept }));
} catch (error) {
  process.stdout.write(JSON.stringify({ error: { code: error.code, message: error.message } }));
} finally {
  await gmail.close();
}
