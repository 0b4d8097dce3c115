type Module = {
  startBalancer(
    servers: readonly { readonly url: string }[],
  ): Promise<{ readonly url: string; close(): Promise<void> }>;
};

/** That of the faults, in front of servers that come and go. */
export const { startBalancer } = (await import(new URL('../faults/balancer.mjs', import.meta.url).href)) as Module;
