import type { Principal, Scope } from '@quarterhour/http';
import type { ReplayContext } from '@quarterhour/ingestion';
import type { ApiContext } from './api-context.js';

const LONGEST_ACTOR = 200;

interface Decider {
  readonly scope: Scope;
  readonly principal: Principal;
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

const UNRULY = /[\p{Cc}\p{Cs}\u2028-\u202e\u2066-\u2069]/gu;

/** Who decides, for the record: a token may name its subject in any characters. */
export function actorOf({ subject }: Pick<Principal, 'subject'>): string {
  return subject.replace(UNRULY, '\uFFFD').slice(0, LONGEST_ACTOR);
}
