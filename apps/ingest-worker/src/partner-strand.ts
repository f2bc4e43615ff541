import type { TradingState } from '@quarterhour/db';

/** What a strand is to do, by how its partner's trading stands. */
export interface Wish {
  /** Whether there have to be queues: the control plane takes them away once nothing more can be published. */
  readonly keepsQueues: boolean;
  /** Whether what is published is taken in. */
  readonly consumes: boolean;
}

/** One partner's messages in one virtual host: ours, or that of one of its keys. */
export interface PartnerStrand {
  /** For health and log: the prefix, or the virtual host. */
  readonly name: string;
  /**
   * Comes closer to what is wanted; called again and again, one call at a time, and quick when nothing is to be done.
   *
   * @throws whatever is in the way: it is tried again
   */
  follow(wish: Wish): Promise<void>;
  /** Lets go of everything, once what is in hand is settled or given back. */
  leave(): Promise<void>;
  /** How long what is in the way may be there before it matters, in milliseconds. */
  readonly patienceMs: number;
}

/** @returns null for a partner that nobody listens to */
export function wishOf(state: TradingState): Wish | null {
  switch (state) {
    case 'ENABLED':
      return { keepsQueues: true, consumes: true };
    case 'PAUSED':
      return { keepsQueues: true, consumes: false };
    case 'DRAINING':
      return { keepsQueues: false, consumes: true };
    case 'DISABLED':
      return null;
  }
}
