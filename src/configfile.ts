import { isAbsolute } from 'node:path';
import { load, YAMLException } from 'js-yaml';
import { z } from 'zod';
import { readRange } from './addresses.ts';
import { duration } from './duration.ts';
import { TielineError } from './errors.ts';

const connectorConfig = z.strictObject({
  app: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
  readOnly: z.boolean().default(false),
  destructive: z.boolean().default(true),
  allow: z.array(z.string()).optional(),
  deny: z.array(z.string()).default([]),
});

const RANGE = 'is an address such as 10.0.0.7 or a range such as 10.0.0.0/8';

const webAddress = z.url({ protocol: /^https?$/ });

/** `config.yaml` in the home folder. Every part may be left out, and so may the file. */
const configFile = z.strictObject({
  /** Which connectors are on. Absent: all but those that are opt-in, and those named under `connectors`. */
  enabled: z.array(z.string()).optional(),
  connectors: z.record(z.string(), connectorConfig).default({}),
  network: z
    .strictObject({
      /** Private hosts that may be reached: a name or address with or without port, or a CIDR range. */
      allowPrivate: z.array(z.string()).default([]),
      /** Where a host is reached instead, as through a gateway: `address:port` by host, with or without port. */
      connectTo: z.record(z.string(), z.string()).default({}),
      /** Folders whose files, and those below, may be opened as SQLite databases. */
      allowFiles: z.array(z.string().refine(isAbsolute, 'is an absolute path')).default([]),
    })
    .prefault({}),
  /** What one process has under way at once. Further calls wait, and fail with `too_many_requests` when too many do. */
  limits: z
    .strictObject({
      /** Calls in all, those that wait included. Default 2,000, fewer where the system lets few files be open. */
      calls: z.number().int().min(1).optional(),
      /** Calls of one account. */
      callsPerAccount: z.number().int().min(1).default(64),
      /** Requests to one host. */
      requestsPerHost: z.number().int().min(1).default(256),
    })
    .prefault({}),
  audit: z
    .strictObject({
      /** What becomes of calls while `audit.jsonl` cannot be written. */
      onFailure: z.enum(['continue', 'refuse']).default('continue'),
    })
    .prefault({}),
  server: z
    .strictObject({
      /** Whether `serve` issues access tokens for MCP clients itself. */
      authorizationServer: z.boolean().default(true),
      /** Proxies before `serve`: what they say of the address of a client is believed. Addresses and CIDR ranges. */
      trustedProxies: z.array(z.string().refine((it) => readRange(it) !== undefined, RANGE)).default([]),
      /** How many requests each user and each client API key may send a minute, to this process. */
      requestsPerMinute: z.number().int().min(1).default(600),
      /** How `serve` ends when it is asked to. */
      drain: z
        .strictObject({
          /** How long it still takes requests, while `/readyz` says that it is ending. */
          readinessDelay: duration.default(5_000),
          /** How long calls under way then have. The default is as long as a call takes at most. */
          timeout: duration.default(60_000),
        })
        .prefault({}),
      /** Scopes for all connectors only, or also such as `gmail:read`, which clients are then asked to ask for. */
      scopes: z.enum(['wide', 'per-connector']).default('wide'),
      /** Authorization servers elsewhere whose access tokens (JWT, RFC 9068) are taken at `/mcp`. */
      issuers: z
        .array(
          z.strictObject({
            issuer: webAddress,
            /** By default the issuer's metadata names it (RFC 8414, OpenID Connect Discovery). */
            jwksUri: webAddress.optional(),
            /** Claim `aud` of its tokens for this server. By default the address of `/mcp`. */
            audience: z.string().min(1).optional(),
            /** Id of the organization whose users they are. */
            organization: z.string().min(1),
            /** Claim that is the identifier of the user. */
            identifierClaim: z.string().min(1).default('sub'),
            /** Makes a user on first mention. */
            createUsers: z.boolean().default(false),
          }),
        )
        .default([]),
      /** MCP clients that are known by name, besides those that register themselves or publish who they are. */
      clients: z
        .array(
          z.strictObject({
            id: z.string().min(1).max(200),
            name: z.string().min(1).max(200),
            redirectUris: z.array(z.string()).min(1),
            /** Absent for a public client. */
            secret: z.string().min(16).optional(),
          }),
        )
        .default([]),
      /** Single sign-on: the OpenID Connect provider at which users sign in, instead of with their secret. */
      signIn: z
        .strictObject({
          issuer: webAddress,
          /** Its redirect address is `/callback/sign-in` of this server. */
          clientId: z.string().min(1),
          clientSecret: z.string().min(1).optional(),
          scope: z.string().default('openid profile email'),
          /** Id of the organization whose users they are. */
          organization: z.string().min(1),
          /** Claim that is the identifier of the user. `email` counts only where it is verified. */
          identifierClaim: z.string().min(1).default('sub'),
          /** Makes a user on first sight. */
          createUsers: z.boolean().default(false),
        })
        .optional(),
    })
    .prefault({}),
});

export type ConnectorConfig = z.infer<typeof connectorConfig>;

export type ConfigFile = z.infer<typeof configFile>;

/** What the text of a `config.yaml` says. Throws `config_invalid` that names every problem at once. */
export function parseConfig(text: string, file: string, env: NodeJS.ProcessEnv): ConfigFile {
  const parsed = configFile.safeParse(fillVariables(parse(text, file), env, file));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((it) => `${it.path.join('.') || 'the file'}: ${it.message}`);
  throw new TielineError('config_invalid', `${file} is not right:\n${problems.join('\n')}`, {
    hint: 'Correct the file.',
  });
}

function parse(text: string, file: string): unknown {
  try {
    return load(text, { filename: file, maxAliases: 0 });
  } catch (cause) {
    if (!(cause instanceof YAMLException)) throw cause;
    const { line = 0, column = 0 } = cause.mark ?? {};
    throw new TielineError('config_invalid', `${file}:${line + 1}:${column + 1} ${cause.reason}`, {
      hint: 'Correct the file.',
      cause,
    });
  }
}

/** `${NAME}` in a text is the environment variable of that name, so that secrets can stay out of the file. */
function fillVariables(value: unknown, env: NodeJS.ProcessEnv, file: string): unknown {
  if (typeof value === 'string') {
    return value.replace(/\$\{([A-Z_][A-Z0-9_]*)\}/g, (_, name: string) => {
      const found = env[name];
      if (found === undefined) {
        throw new TielineError(
          'config_invalid',
          `${file} uses \${${name}}, and there is no such environment variable`,
          {
            hint: `Set ${name}, or take it out of the file.`,
          },
        );
      }
      return found;
    });
  }
  if (Array.isArray(value)) return value.map((it) => fillVariables(it, env, file));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, it]) => [key, fillVariables(it, env, file)]));
}
