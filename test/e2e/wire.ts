import { type Ended, type Env, start, until } from './program.ts';

export type Message = {
  readonly jsonrpc?: string;
  readonly id?: number | string | null;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly message: string };
};

/** A client that speaks the protocol by hand to `tieline stdio`, and keeps every byte it is sent. */
export class Wire {
  readonly running;
  #next = 1;

  constructor(env: Env) {
    this.running = start(['stdio'], { env, open: true });
  }

  /** What came so far, line by line. Throws for a line that is no JSON-RPC message. */
  messages(): Message[] {
    const lines = this.running.stdout().split('\n').slice(0, -1);
    return lines.map((line) => {
      const message = JSON.parse(line) as Message;
      if (message.jsonrpc !== '2.0') throw new Error(`not JSON-RPC: ${line}`);
      return message;
    });
  }

  write(text: string): void {
    this.running.child.stdin?.write(text);
  }

  send(message: object): void {
    this.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }

  /** Sends a request without waiting; gives its id. */
  ask(method: string, params?: object): number {
    const id = this.#next++;
    this.send({ id, method, params });
    return id;
  }

  async answer(id: number): Promise<Message> {
    const found = () => this.messages().find((it) => it.id === id && it.method === undefined);
    await until(
      () => found() !== undefined || this.running.child.exitCode !== null,
      () => `no answer to ${id}; stderr: ${this.running.stderr()}`,
    );
    const message = found();
    if (!message) throw new Error(`it ended without an answer to ${id}: ${this.running.stderr()}`);
    return message;
  }

  request(method: string, params?: object): Promise<Message> {
    return this.answer(this.ask(method, params));
  }

  call(name: string, args: object = {}): Promise<Message> {
    return this.request('tools/call', { name, arguments: args });
  }

  async initialize(capabilities: object = {}): Promise<Message> {
    const clientInfo = { name: 'wire', version: '1' };
    const answer = await this.request('initialize', { protocolVersion: '2025-11-25', capabilities, clientInfo });
    this.send({ method: 'notifications/initialized' });
    return answer;
  }

  end(): Promise<Ended> {
    this.running.child.stdin?.end();
    return this.running.ended;
  }
}
