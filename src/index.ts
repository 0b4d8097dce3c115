export { type ErrorCode, isErrorCode, isTielineError, TielineError } from './errors.ts';
export type { Call, CallBuilder, CallOptions, Connected } from './sdk/call.ts';
// All of it, so that declarations for 'tieline' can add to its interfaces.
export * from './sdk/catalog.ts';
export { type ConnectorClient, connector, type HostedOptions } from './sdk/connector.ts';
export type { ConnectorCatalog, ConnectorDetails, ConnectorSummary } from './sdk/connectors.ts';
export type { Integration, Integrations, LinkOptions } from './sdk/integrations.ts';
export type { LocalCredentials, LocalOptions } from './sdk/local.ts';
export type { AttemptOptions, ServerOptions } from './sdk/options.ts';
export type { ClientKey, ClientKeys, Organization, OrganizationApi } from './sdk/organization.ts';
export type { Page, PageOptions } from './sdk/page.ts';
export type { FileContent, ItemOf, ItemOptions, Meta, Outcome, Result } from './sdk/result.ts';
export { Tieline } from './sdk/tieline.ts';
export {
  type AgentTool,
  type AiTool,
  type AnyConnector,
  agentTool,
  aiTools,
  type OpenAiTool,
  type OpenAiTools,
  openaiTools,
  type ToolOptions,
} from './sdk/tools.ts';
export type { Customer, User } from './sdk/user.ts';
export type { UserRecord, Users, UserWithSecret } from './sdk/users.ts';
