import type {
  CallToolRequest,
  CallToolResult,
  ClientCapabilities,
  InputRequiredResult,
  Server,
  ServerCapabilities,
  ServerContext,
} from '@modelcontextprotocol/server';
import type { Tool } from '../connector/action.ts';
import type { Principal } from '../integration/principal.ts';

/** Whom a connection serves, and what their client can do as far as it said so. */
export type Connected = { readonly who: Principal; readonly capabilities: ClientCapabilities | undefined };

/** What a program puts into its MCP server beside the tools of the catalog. */
export type Extension = {
  /** Listed among those of the catalog. A name that is there already stays with the catalog. */
  readonly tools: readonly Tool[];
  call(
    request: CallToolRequest,
    context: ServerContext,
    connected: Connected,
  ): Promise<CallToolResult | InputRequiredResult>;
  /** Beside those for tools. */
  readonly capabilities?: ServerCapabilities | undefined;
  /** Sets the handlers of what the capabilities promise. */
  handlers?(server: Server): void;
};
