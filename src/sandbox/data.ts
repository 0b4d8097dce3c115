import { HARBOUR, SUBJECTS } from './seed.ts';

export type Person = { readonly id: string; readonly name: string; readonly email: string };

export const PEOPLE: readonly Person[] = [
  { id: 'ada', name: 'Ada Lovelace', email: 'ada@sandbox.example' },
  { id: 'grace', name: 'Grace Hopper', email: 'grace@sandbox.example' },
];

/** Whom a client-credentials token acts for: the application itself, which has rows of its own. */
export const APPLICATION: Person = { id: 'application', name: 'The application', email: 'application@sandbox.example' };

export type Ticket = {
  readonly id: string;
  title: string;
  body: string;
  state: 'open' | 'closed';
  priority: 'low' | 'normal' | 'high';
  labels: string[];
  readonly createdAt: string;
  updatedAt: string;
};

export type Comment = {
  readonly id: string;
  readonly ticketId: string;
  readonly author: string;
  readonly body: string;
  readonly createdAt: string;
};

export type Message = {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly body: string;
  readonly sentAt: string;
};

export type FileInfo = {
  readonly id: string;
  readonly name: string;
  readonly contentType: string;
  /** Bytes. */
  readonly size: number;
  readonly createdAt: string;
};

export type StoredFile = { readonly info: FileInfo; readonly bytes: Uint8Array };

/** Everything one person has, each list newest first. */
export type Rows = { tickets: Ticket[]; comments: Comment[]; messages: Message[]; files: StoredFile[] };

const TICKETS = 24;
const MESSAGES = 31;
const FILES = 9;

/** The rows of all people, in memory. Two instances for the same people hold equal rows. */
export class Data {
  readonly #rows = new Map<string, Rows>();
  #last = 1000;

  constructor(people: readonly Person[]) {
    for (const person of people) this.#rows.set(person.id, this.#seed(person));
  }

  /** The rows of this person, and of nobody else. */
  of(person: Person): Rows {
    const rows = this.#rows.get(person.id);
    if (!rows) throw new Error(`no rows for ${person.id}`);
    return rows;
  }

  /** A new id, greater than all before it: `tkt_1001`. Numbers are never used twice, also not across people. */
  newId(prefix: 'tkt' | 'cmt' | 'msg' | 'file'): string {
    this.#last += 1;
    return `${prefix}_${this.#last}`;
  }

  #seed(person: Person): Rows {
    const rows: Rows = { tickets: [], comments: [], messages: [], files: [] };
    for (let n = 0; n < TICKETS; n++) {
      const ticket = this.#ticket(person, n);
      rows.tickets.unshift(ticket);
      if (n % 3 === 0) rows.comments.unshift(this.#comment(ticket, person));
    }
    for (let n = 0; n < MESSAGES; n++) rows.messages.unshift(this.#message(person, n));
    for (let n = 0; n < FILES; n++) rows.files.unshift(this.#file(person, n));
    return rows;
  }

  #ticket(person: Person, n: number): Ticket {
    const at = hour(n);
    const subject = subjectAt(n);
    return {
      id: this.newId('tkt'),
      title: `${subject} (${person.name})`,
      body: `${person.name} noticed this on round ${n + 1}: ${subject.toLowerCase()}.`,
      state: n % 4 === 0 ? 'closed' : 'open',
      priority: n % 5 === 0 ? 'high' : n % 2 === 0 ? 'normal' : 'low',
      labels: n % 3 === 0 ? ['bug'] : [],
      createdAt: at,
      updatedAt: at,
    };
  }

  #comment(ticket: Ticket, person: Person): Comment {
    const body = `Still true today: ${ticket.title}`;
    return { id: this.newId('cmt'), ticketId: ticket.id, author: person.email, body, createdAt: ticket.createdAt };
  }

  #message(person: Person, n: number): Message {
    return {
      id: this.newId('msg'),
      from: 'harbour@sandbox.example',
      to: person.email,
      subject: `About: ${subjectAt(n).toLowerCase()}`,
      body: `Dear ${person.name},\n\nthank you for report ${n + 1}.\n\nThe harbour office`,
      sentAt: hour(n),
    };
  }

  #file(person: Person, n: number): StoredFile {
    const id = this.newId('file');
    const createdAt = hour(n);
    const store = (name: string, contentType: string, bytes: Uint8Array): StoredFile => ({
      info: { id, name, contentType, size: bytes.length, createdAt },
      bytes,
    });
    if (n % 3 === 0) return store(`harbour-${n + 1}.png`, 'image/png', HARBOUR);
    if (n % 3 === 1) return store(`tides-${n + 1}.csv`, 'text/csv', Buffer.from(tides(person, n)));
    return store(
      `notes-${n + 1}.txt`,
      'text/plain; charset=utf-8',
      Buffer.from(`Notes of ${person.name}, page ${n + 1} – ü\n`),
    );
  }
}

function tides(person: Person, n: number): string {
  const lines = Array.from({ length: 24 }, (_, at) => `${at},${(((at + n) * 7) % 12) / 2},${person.id}`);
  return `hour,metres,reader\n${lines.join('\n')}\n`;
}

function subjectAt(n: number): string {
  return SUBJECTS[n % SUBJECTS.length] ?? 'Nothing to report';
}

/** The n-th hour of the sandbox's calendar, which starts on the same day in every run. */
function hour(n: number): string {
  return new Date(Date.UTC(2026, 0, 5, 8 + n)).toISOString();
}
