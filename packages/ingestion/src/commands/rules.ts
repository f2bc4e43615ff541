import { EVENT_SOURCE } from '@quarterhour/contracts';

/** What is asked of commands and schedules where the contract leaves a choice. */
export interface CommandRules {
  /** Whether an emergency is dropped without a signature. One that is there is verified in any case. */
  readonly needsSignedEmergency: boolean;
  /** How many commands of a plant are taken in the long run. Emergencies are always taken, and do not count. */
  readonly perSecond: number;
  /** How many are taken at once. */
  readonly atOnce: number;
  /** `source` of what is answered. */
  readonly eventSource: string;
}

export const DEFAULT_COMMAND_RULES: CommandRules = {
  needsSignedEmergency: false,
  perSecond: 10,
  atOnce: 20,
  eventSource: EVENT_SOURCE,
};

/** How far the time that a command says may be from the database's, in seconds: what is further away is a replay. */
export const REPLAY_WINDOW_SECONDS = 5 * 60;

/** How far ahead commands and schedules may begin and schedules end. */
export const MOST_DAYS_AHEAD = 31;

/** Beyond this power or energy nothing is meant: no site has as much. In kW and kWh. */
export const MOST_KILOWATTS = 10_000_000;
