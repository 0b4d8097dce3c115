/** A token request that is made to wait. */
export type Hold = {
  /** Lets its answer go. Once is enough. */
  release(): void;
  /** Resolves when a request waits, its grant treated already. */
  readonly arrived: Promise<void>;
};

export type Gate = Hold & { isTaken(): boolean; pass(): Promise<void> };

export function gate(): Gate {
  let taken = false;
  let arrive = (): void => {};
  let release = (): void => {};
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  return {
    arrived,
    release: () => release(),
    isTaken: () => taken,
    pass() {
      taken = true;
      arrive();
      return released;
    },
  };
}
