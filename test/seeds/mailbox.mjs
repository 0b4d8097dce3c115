import { Refusal } from './listener.mjs';

const LISTING = ['q', 'includeSpamTrash', 'maxResults', 'pageToken'];
const read = (name, path, query = []) => ({ name, method: 'GET', path, query });
const write = (name, path) => ({ name, method: 'POST', path, query: [] });

/** What the stand-in answers: path below `/gmail/v1/users/me`, and the query parameters that Gmail knows there. */
export const ROUTES = [
  read('profile', /^\/profile$/),
  read('messages', /^\/messages$/, [...LISTING, 'labelIds']),
  write('send', /^\/messages\/send$/),
  read('message', /^\/messages\/([^/]+)$/, ['format', 'metadataHeaders']),
  read('labels', /^\/labels$/),
  read('threads', /^\/threads$/, [...LISTING, 'labelIds']),
  read('thread', /^\/threads\/([^/]+)$/, ['format', 'metadataHeaders']),
  read('drafts', /^\/drafts$/, LISTING),
  write('createDraft', /^\/drafts$/),
  read('draft', /^\/drafts\/([^/]+)$/, ['format']),
];

/** A mailbox with two messages, one of them spam, and a label. */
export function mailbox(person) {
  const messages = new Map();
  const drafts = new Map();
  const sentMessages = [];
  const add = (id, subject, labelIds) => {
    const names = {
      From: 'Grace Hopper <grace@example.com>',
      To: person,
      Subject: subject,
      Date: 'Mon, 5 Jan 2026 10:00:00 +0000',
    };
    const headers = Object.entries(names).map(([name, value]) => ({ name, value }));
    const body = { size: 5, data: Buffer.from('Hello').toString('base64url') };
    const payload = { mimeType: 'text/plain', filename: '', headers, body };
    messages.set(id, { id, threadId: `t-${id}`, labelIds, snippet: subject, historyId: '7', payload });
    return messages.get(id);
  };
  add('m1', 'Lunch', ['INBOX']);
  add('m2', 'You have won', ['SPAM']);

  const listed = (query) => {
    const withSpam = query.get('includeSpamTrash') === 'true';
    const q = query.get('q')?.toLowerCase() ?? '';
    return [...messages.values()].filter(
      (it) => (withSpam || !it.labelIds.includes('SPAM')) && it.snippet.toLowerCase().includes(q),
    );
  };
  const take = (raw, labelIds) => {
    const text = typeof raw === 'string' && /^[\w-]+={0,2}$/.test(raw) ? Buffer.from(raw, 'base64url').toString() : '';
    const subject = /^Subject: (.+)$/im.exec(text)?.[1]?.trim();
    if (!/^To: \S+/im.test(text) || subject === undefined) {
      const message = 'Recipient address required';
      throw new Refusal(400, { error: { code: 400, message, status: 'INVALID_ARGUMENT', errors: [{ message }] } });
    }
    return add(`m${messages.size + 1}`, subject, labelIds);
  };
  const brief = ({ id, threadId }) => ({ id, threadId });

  return {
    sentMessages,
    profile: () => ({
      emailAddress: person,
      messagesTotal: messages.size,
      threadsTotal: messages.size,
      historyId: '7',
    }),
    messages: ({ query }) => ({ messages: listed(query).map(brief), resultSizeEstimate: listed(query).length }),
    message: ({ id }) => messages.get(id),
    labels: () => ({ labels: [{ id: 'INBOX', name: 'INBOX', type: 'system' }] }),
    threads: ({ query }) => ({
      threads: listed(query).map((it) => ({ id: it.threadId, snippet: it.snippet, historyId: '7' })),
    }),
    thread: ({ id }) => {
      const found = [...messages.values()].filter((it) => it.threadId === id);
      return found.length > 0 ? { id, historyId: '7', messages: found } : undefined;
    },
    send: ({ given }) => {
      const message = take(given.raw, ['SENT']);
      sentMessages.push(message.snippet);
      return { ...brief(message), labelIds: message.labelIds };
    },
    drafts: () => ({ drafts: [...drafts.values()].map(({ id, message }) => ({ id, message: brief(message) })) }),
    draft: ({ id }) => drafts.get(id),
    createDraft: ({ given }) => {
      const draft = { id: `d${drafts.size + 1}`, message: take(given.message?.raw, ['DRAFT']) };
      drafts.set(draft.id, draft);
      return { id: draft.id, message: brief(draft.message) };
    },
  };
}
