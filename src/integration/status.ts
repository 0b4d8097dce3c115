import { type Credential, isForOperators, waitAfter } from '../auth/credential.ts';
import type { Holder } from '../keystore/lease.ts';
import { connectCommand, integrationsCommand } from './command.ts';
import type { Integration } from './integration.ts';

export type Status = {
  /**
   * `pending`: the person has not finished connecting. `disabled`: kept, and not served. `revoked`: the user ended the
   * access. The others are as the credential is.
   */
  readonly status: 'pending' | 'active' | 'expiring' | 'disabled' | 'revoked' | 'reauth_required' | 'error';
  /** Why it is not active, or what is going on, for people. */
  readonly cause?: string;
  /** Since when that is so. Epoch milliseconds. */
  readonly at?: number;
  /** When the token at hand ends; a new one may come by itself. Epoch milliseconds. */
  readonly expiresAt?: number;
  /** What a person can do about it. */
  readonly nextStep?: string;
  /** What will come some day unless somebody does something. */
  readonly forecast?: readonly Forecast[];
};

export type Forecast = { readonly code: 'no_refresh_token' | 'grant_ends'; readonly message: string };

export type StatusOptions = {
  /** Epoch milliseconds. */
  readonly now: number;
  /** Whether there is what it takes to get a new token without the user. */
  readonly canRenew: boolean;
};

const SOON_MS = 7 * 24 * 60 * 60_000;

type Account = Pick<Integration, 'connector' | 'identifier'> &
  Partial<Pick<Integration, 'createdAt' | 'pendingUntil' | 'disabledAt'>>;

/** How an integration is that no call is made with, whatever its credential is like; undefined for the others. */
export function pausedStatus(integration: Account): Status | undefined {
  const { createdAt, pendingUntil, disabledAt } = integration;
  if (pendingUntil !== undefined) {
    const cause = `nobody has finished connecting it yet; it is given up on ${date(pendingUntil)}`;
    const nextStep = `Finish connecting: ${connectCommand(integration)}`;
    return { status: 'pending', cause, ...(createdAt !== undefined && { at: createdAt }), nextStep };
  }
  if (disabledAt === undefined) return undefined;
  const nextStep = `Enable it: ${integrationsCommand('enable', integration)}`;
  return { status: 'disabled', cause: 'it was disabled', at: disabledAt, nextStep };
}

/** How an integration is, from what is stored of it; nobody is asked. Undefined stands for a credential that is gone. */
export function statusOf(
  integration: Account,
  credential: Credential | undefined,
  { now, canRenew }: StatusOptions,
): Status {
  const paused = pausedStatus(integration);
  if (paused) return paused;
  const connectAgain = `Connect the account again: ${connectCommand(integration)} --reconnect`;
  if (!credential) return { status: 'reauth_required', cause: 'no credentials are stored', nextStep: connectAgain };
  const { failure, trouble, expiresAt, grantEndsAt } = credential;
  const known = expiresAt === undefined ? {} : { expiresAt };
  if (failure) {
    const status = failure.cause === 'revoked' ? 'revoked' : 'reauth_required';
    return { status, cause: failure.message, at: failure.at, ...known, nextStep: connectAgain };
  }
  const isOver = expiresAt === undefined ? trouble !== undefined : expiresAt <= now;
  if (isOver && !canRenew) {
    return { status: 'reauth_required', ...whyOver(credential), ...known, nextStep: connectAgain };
  }
  if (isOver && grantEndsAt !== undefined && grantEndsAt <= now) {
    const cause = 'the authorization has come to its end';
    return { status: 'reauth_required', cause, at: grantEndsAt, ...known, nextStep: connectAgain };
  }
  if (isOver && trouble) {
    const wait = waitAfter(trouble, now);
    const retry = `Nothing: the provider is asked again ${wait > 0 ? `after ${date(now + wait)}` : 'with the next call'}.`;
    const nextStep = isForOperators(trouble) ? 'Check the app of this connector: tieline doctor' : retry;
    return { status: 'error', cause: trouble.message, at: trouble.at, ...known, nextStep };
  }
  const forecast = forecastOf(credential, canRenew);
  const end = Math.min(...forecast.map((it) => it.at));
  const messages = forecast.map(({ code, message }) => ({ code, message }));
  const coming = forecast.length > 0 && { forecast: messages };
  if (end > now + SOON_MS) return { status: 'active', ...known, ...coming };
  return {
    status: 'expiring',
    cause: forecast.find((it) => it.at === end)?.message ?? '',
    at: end,
    ...known,
    nextStep: connectAgain,
    ...coming,
  };
}

/**
 * An account whose renewal has begun and is not known to have ended. `holder` is who is at it, as the lease says;
 * undefined for nobody.
 */
export function renewingStatus(status: Status, began: number, holder: Holder | undefined): Status {
  if (holder && !holder.isGone) {
    const { pid, host } = holder.process;
    const cause = `its access is being renewed since ${exactDate(began)}, by process ${pid} on ${host}`;
    return {
      ...status,
      cause,
      at: began,
      nextStep: 'Nothing: calls wait for it, and others go on if that process ends.',
    };
  }
  const cause = `its access was about to be renewed on ${exactDate(began)}, and that was interrupted`;
  return { ...status, cause, at: began, nextStep: 'Nothing: the next call has it renewed.' };
}

function whyOver({ expiresAt, trouble }: Credential): { cause: string; at?: number } {
  if (expiresAt !== undefined) return { cause: 'the access has run out and cannot be renewed', at: expiresAt };
  return trouble ? { cause: trouble.message, at: trouble.at } : { cause: 'the access cannot be renewed' };
}

function forecastOf({ expiresAt, grantEndsAt }: Credential, canRenew: boolean): (Forecast & { at: number })[] {
  const forecast: (Forecast & { at: number })[] = [];
  if (!canRenew && expiresAt !== undefined) {
    const message = `the provider gave no refresh token: access ends on ${date(expiresAt)}`;
    forecast.push({ code: 'no_refresh_token', message, at: expiresAt });
  }
  if (grantEndsAt !== undefined) {
    const message = `the authorization ends on ${date(grantEndsAt)}, whatever is done until then`;
    forecast.push({ code: 'grant_ends', message, at: grantEndsAt });
  }
  return forecast;
}

const exactDate = (time: number): string => `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`;

const date = (time: number): string => `${new Date(time).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
