import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modern } from './httpstage.ts';
import { type LinkStage, linkAs, openLinkStage, type Person } from './linkstage.ts';

let stage: LinkStage;
beforeAll(async () => {
  stage = await openLinkStage({ patience: 1 });
});
afterAll(() => stage.close());

const TOOL = 'sandbox_profile_get';
const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';

type Answered = {
  readonly result?: {
    readonly resultType?: string;
    readonly isError?: boolean;
    readonly requestState?: string;
    readonly inputRequests?: { readonly link: { readonly params: { readonly url: string } } };
    readonly structuredContent?: { readonly data?: unknown; readonly error?: { readonly code: string } };
  };
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
  readonly text: string;
};

/** One call by hand, from a client that opens addresses. */
async function call(
  { token }: Pick<Person, 'token'>,
  params: Record<string, unknown> = {},
  name = TOOL,
): Promise<Answered> {
  const [message, headers] = modern(1, 'tools/call', { name, arguments: {}, ...params });
  const whole = structuredClone(message) as { params: { _meta: Record<string, unknown> } };
  whole.params._meta[CAPABILITIES] = { elicitation: { url: {} } };
  const response = await fetch(`${stage.url}/mcp`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      authorization: `Bearer ${token}`,
      ...headers,
    },
    body: JSON.stringify(whole),
  });
  const text = await response.text();
  return { ...JSON.parse(text), text };
}

const accept = { inputResponses: { link: { action: 'accept' } } };

async function asked(person: Person, params: Record<string, unknown> = {}) {
  const { result, text } = await call(person, params);
  expect(result?.resultType, text).toBe('input_required');
  return { state: result?.requestState ?? '', url: result?.inputRequests?.link.params.url ?? '' };
}

const INVALID = { code: -32602, message: 'Invalid or expired requestState', data: { reason: 'invalid_request_state' } };

describe('the state of a call that waits', () => {
  it('says nothing to the client, and asks for an address that says nothing of the user', async () => {
    const person = await stage.person();
    const { state, url } = await asked(person);
    expect(url).toMatch(new RegExp(`^${stage.url}/connect/[\\w-]{43}$`));
    const id = url.split('/').at(-1) ?? '';
    for (const shown of [state, Buffer.from(state, 'base64').toString('latin1')]) {
      expect(shown).not.toContain(id);
      expect(shown).not.toContain(person.id);
    }
  });

  it('is good once, for the arguments in whatever order', async () => {
    const person = await stage.person();
    const { state, url } = await asked(person, { arguments: {} });
    await linkAs(stage, url, person);
    const done = await call(person, { ...accept, requestState: state });
    expect(done.result?.structuredContent).toMatchObject({ data: { id: 'ada' } });
    expect((await call(person, { ...accept, requestState: state })).error).toMatchObject(INVALID);
    const connecting = { connector: 'sandbox', identifier: 'other' };
    const { result } = await call(person, { arguments: connecting }, 'integrations_connect');
    const turned = { identifier: 'other', connector: 'sandbox' };
    const again = await call(
      person,
      { arguments: turned, ...accept, requestState: result?.requestState },
      'integrations_connect',
    );
    expect(again.error).toBeUndefined();
  });

  it('is refused when it is forged', async () => {
    const person = await stage.person();
    const { state } = await asked(person);
    const flipped = `${state.slice(0, 40)}${state[40] === 'A' ? 'B' : 'A'}${state.slice(41)}`;
    for (const requestState of [
      flipped,
      state.slice(0, -3),
      '',
      'x'.repeat(10_000),
      Buffer.from('{}').toString('base64'),
    ]) {
      expect((await call(person, { ...accept, requestState })).error).toMatchObject(INVALID);
    }
    // None of that has used it up.
    expect((await call(person, { ...accept, requestState: state })).result?.structuredContent?.error?.code).toBe(
      'integration_required',
    );
  });

  it('is refused from another user, even one who has an account to use', async () => {
    const [person, eve] = [await stage.person(), await stage.person()];
    const { state } = await asked(person);
    await linkAs(stage, (await asked(eve)).url, eve, 'grace');
    expect((await call(eve, { ...accept, requestState: state })).error).toMatchObject(INVALID);
  });

  it('is refused for another tool, and for other arguments', async () => {
    const person = await stage.person();
    const { state } = await asked(person);
    const other = await call(person, { ...accept, requestState: state }, 'sandbox_tickets_list');
    expect(other.error).toMatchObject(INVALID);
    const changed = await call(person, { arguments: { integration: 'mine' }, ...accept, requestState: state });
    expect(changed.error).toMatchObject(INVALID);
  });

  it('is refused after ten minutes', async () => {
    const person = await stage.person();
    const { state } = await asked(person);
    stage.later(10 * 60_000);
    expect((await call(person, { ...accept, requestState: state })).error).toMatchObject(INVALID);
    stage.later(-10 * 60_000);
  });

  it('stands for nothing when only the client says that the user was there', async () => {
    const person = await stage.person();
    const { state } = await asked(person);
    const pending = await call(person, { ...accept, requestState: state });
    expect(pending.result).toMatchObject({ isError: true });
    const bare = await call(person, accept);
    expect(bare.result?.resultType).toBe('input_required');
  });

  it('is taken from one of two that come at once', async () => {
    const person = await stage.person();
    const { state, url } = await asked(person);
    await linkAs(stage, url, person);
    const both = await Promise.all([1, 2].map(() => call(person, { ...accept, requestState: state })));
    expect(both.filter((it) => it.error)).toHaveLength(1);
  });
});

describe('an answer', () => {
  it('has no secret of the account or the person in it', async () => {
    const person = await stage.person();
    const { state, url } = await asked(person);
    await linkAs(stage, url, person);
    const texts = [
      await call(person, { ...accept, requestState: state }),
      await call(person, {}, 'integrations_list'),
      await call(
        person,
        { arguments: { connector: 'sandbox', identifier: 'ada@sandbox.example' } },
        'integrations_set_default',
      ),
      await call(
        person,
        { arguments: { connector: 'sandbox', identifier: 'ada@sandbox.example' } },
        'integrations_disconnect',
      ),
    ].map((it) => it.text);
    const { clientSecret, observed } = stage.sandbox;
    expect(observed.tokenRequests.length).toBeGreaterThan(0);
    for (const text of texts) {
      expect(text).not.toContain(clientSecret);
      expect(text).not.toContain(person.secret);
      expect(text).not.toMatch(/eyJ[\w-]+\.|access_token|refresh_token/);
    }
  });
});
