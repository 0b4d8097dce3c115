import type { ErrorCode } from '../../errors.ts';

/**
 * What went wrong, in words of our own: a provider may have had a say in the message of a failure, and what it says is
 * not shown on a page of ours.
 */
export function sayingOf(code: ErrorCode, title: string): string {
  switch (code) {
    case 'canceled':
      return 'You chose not to connect it.';
    case 'authorization_failed':
      return `The sign-in at ${title} was not finished, or was declined.`;
    case 'identity_mismatch':
      return `This is another account of ${title} than the one that was to be connected again.`;
    case 'integration_exists':
      return `This account of ${title} is connected already.`;
    case 'integration_unknown':
      return 'The account that was to be connected again is no longer there.';
    case 'token_rejected':
    case 'reauthorization_required':
    case 'forbidden':
      return `${title} does not accept these credentials.`;
    case 'missing_scope':
      return `${title} did not give all the access that is needed.`;
    case 'arguments_invalid':
      return 'What was entered does not fit.';
    case 'config_invalid':
    case 'definition_invalid':
    case 'expression_failed':
    case 'target_forbidden':
      return `${title} is not set up right here. Only those who run this server can change that.`;
    case 'rate_limited':
    case 'refresh_failed':
    case 'upstream_failed':
    case 'upstream_invalid':
    case 'upstream_unreachable':
    case 'upstream_timeout':
      return `${title} could not be asked just now.`;
    default:
      return `${title} could not be connected.`;
  }
}
