import { z } from 'zod';
import { plainText } from '../../scalars.js';
import { instantOutput, uuidOutput } from '../outputs.js';

/** How trading can stand. */
export const TRADING_STATE_NAMES = ['DISABLED', 'ENABLED', 'PAUSED', 'DRAINING'] as const;

/** Body of `POST /quarterhour/v1/trading/{pause,resume,drain}`. */
export const tradingStepBody = z
  .strictObject({ reason: plainText(1_000).optional().meta({ description: 'Why, for the record.' }) })
  .meta({ id: 'TradingStep', description: "Why an organisation's trading changes." })
  .optional();

/** How an organisation's trading stands after a step. */
export const tradingStanding = z
  .strictObject({
    organisation_id: uuidOutput,
    state: z.enum(TRADING_STATE_NAMES),
    since: instantOutput.meta({ format: 'date-time' }),
  })
  .meta({ id: 'TradingStanding', description: "How an organisation's trading stands." });
export type TradingStandingOutput = z.infer<typeof tradingStanding>;
