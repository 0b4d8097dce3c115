import { z } from '@hono/zod-openapi';
import type { Engine } from '../execute/engine.ts';
import { accountStatus } from '../execute/health.ts';
import { accountLabel, type Integration } from '../integration/integration.ts';
import type { Customer } from './customer.ts';

/** An integration as it is shown: nothing of what was typed, and no credential. */
export const integrationSchema = z
  .object({
    id: z.string(),
    customer_name: z.string().openapi({ description: 'Identifier of the user whose account it is.' }),
    connector_type: z.string().openapi({ example: 'gmail' }),
    identifier: z.string().openapi({ description: 'Name by which calls choose it.', example: 'work' }),
    is_default: z.boolean(),
    auth_option: z.string().openapi({ description: 'The way it was connected.' }),
    account: z.string().nullable().openapi({ description: 'Who it is at the provider, where that is known.' }),
    status: z.enum(['pending', 'active', 'expiring', 'reauth_required', 'error', 'disabled', 'revoked']),
    cause: z.string().nullable(),
    next_step: z.string().nullable(),
    replication_config: z.record(z.string(), z.unknown()).openapi({ description: 'Its settings.' }),
    created_at: z.iso.datetime(),
  })
  .openapi('Integration');

export type IntegrationView = z.infer<typeof integrationSchema>;

export async function integrationView(
  engine: Engine,
  { user, who }: Customer,
  integration: Integration,
  defaultId: string | null,
): Promise<IntegrationView> {
  const { status, cause, nextStep } = await accountStatus(engine, who, integration);
  return {
    id: integration.id,
    customer_name: user.identifier,
    connector_type: integration.connector,
    identifier: integration.identifier,
    is_default: integration.id === defaultId,
    auth_option: integration.option,
    account: accountLabel(integration) ?? null,
    status,
    cause: cause ?? null,
    next_step: nextStep ?? null,
    replication_config: integration.settings,
    created_at: new Date(integration.createdAt).toISOString(),
  };
}
