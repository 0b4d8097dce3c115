import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import type { Agent } from 'undici';
import { TielineError } from '../errors.ts';
import { type GuardOptions, guardedAgent, type NetworkPolicy } from './guard.ts';

/** What a connection trusts and shows instead of the usual, in PEM. */
export type TlsMaterial = {
  /** Certificates to trust instead of the usual authorities. */
  readonly ca?: string | undefined;
  /** The client's certificate, followed by its chain. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly passphrase?: string | undefined;
};

/** Agents that reach the same, each with its own material: connections are never shared between two of them. */
export type AgentPool = {
  /** @throws TielineError `arguments_invalid` for what is no certificate or no key. Nothing of it is in the message. */
  agent(material?: TlsMaterial): Agent;
  destroy(): Promise<void>;
};

const MOST_AGENTS = 100;

export function agentPool(policy: NetworkPolicy, options: GuardOptions): AgentPool {
  let usual: Agent | undefined;
  const others = new Map<string, Agent>();
  return {
    agent(material = {}) {
      const given = present(material);
      if (Object.keys(given).length === 0) {
        usual ??= guardedAgent(policy, options);
        return usual;
      }
      const id = createHash('sha256').update(JSON.stringify(given)).digest('base64');
      const agent = others.get(id) ?? guardedAgent(policy, { ...options, ...checked(given) });
      others.delete(id);
      others.set(id, agent);
      const [oldest] = others.keys();
      if (others.size > MOST_AGENTS && oldest !== undefined) {
        void others.get(oldest)?.close(); // once its requests are done
        others.delete(oldest);
      }
      return agent;
    },
    async destroy() {
      await Promise.all([usual, ...others.values()].map((it) => it?.destroy()));
    },
  };
}

type Given = { ca?: string; cert?: string; key?: string; passphrase?: string };

const present = ({ ca, cert, key, passphrase }: TlsMaterial): Given => ({
  ...(ca && { ca: unfolded(ca) }),
  ...(cert && { cert: unfolded(cert) }),
  ...(key && { key: unfolded(key) }),
  ...(passphrase && { passphrase }),
});

/** A PEM copied out of JSON or an environment variable has its line ends spelled `\n`. */
const unfolded = (pem: string): string => pem.replaceAll('\\r', '').replaceAll('\\n', '\n');

/** Node takes text that is no certificate without a word, and then trusts nobody. */
function checked(given: Given): Given {
  const { ca, cert, key, passphrase } = given;
  const unfit = (what: string) =>
    new TielineError('arguments_invalid', `the ${what} cannot be read as PEM`, {
      hint: 'Connect the account again with the whole text, from -----BEGIN to -----END.',
    });
  const attempt = (what: string, read: () => unknown) => {
    try {
      read();
    } catch {
      throw unfit(what); // without the cause, which may quote the key
    }
  };
  if (ca !== undefined) attempt('trusted CA', () => new X509Certificate(ca));
  if (cert !== undefined) attempt('client certificate', () => new X509Certificate(cert));
  if (key !== undefined)
    attempt('key of the client certificate', () =>
      createPrivateKey({ key, ...(passphrase !== undefined && { passphrase }) }),
    );
  return given;
}
