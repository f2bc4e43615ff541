import type { Principal, Scope } from '@quarterhour/http';
import type { ReplayContext } from '@quarterhour/ingestion';
import type { ApiContext } from './api-context.js';

const LONGEST_ACTOR = 200;

interface Decider {
  readonly scope: Scope;
  readonly principal: Principal;
}

/** Who did it, as it is written down. */
export function actorOf({ subject }: Principal): string {
  return subject.slice(0, LONGEST_ACTOR);
}

/** A decision of whoever asks, on what its token reaches, with the register as it is now. */
export async function decisionOf({ scope, principal }: Decider, ctx: ApiContext): Promise<ReplayContext> {
  await ctx.register.refresh();
  return {
    db: ctx.db,
    register: ctx.register.current,
    nowMillis: ctx.clock.nowMillis(),
    organisations: scope.organisations,
    by: actorOf(principal),
  };
}
