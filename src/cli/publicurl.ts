import { TielineError } from '../errors.ts';

/** The address in `TIELINE_URL`, without a slash at the end; undefined where there is none. Throws `config_invalid`. */
export function publicUrl(env: NodeJS.ProcessEnv): string | undefined {
  const given = env.TIELINE_URL?.trim();
  if (!given) return undefined;
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url && /^https?:$/.test(url.protocol) && !url.search && !url.hash) return url.href.replace(/\/$/, '');
  throw new TielineError('config_invalid', 'TIELINE_URL is no web address', {
    hint: 'Write it as in https://tieline.example.com',
  });
}
