import { z } from 'zod';
import { decimalOutput } from '../../scalars.js';
import { energyOutput, powerOutput } from '../outputs.js';
import { quarterHourInput } from './inputs.js';

/** Both ends of what is agreed about delivery periods. */
export const periodSpan = { start_time: quarterHourInput, end_time: quarterHourInput };

/** Complains about a span that ends where it starts, or before. For `superRefine`. */
export function spanRules(
  { start_time: start, end_time: end }: { readonly start_time: string; readonly end_time: string },
  ctx: z.RefinementCtx,
): void {
  if (Date.parse(end) > Date.parse(start)) return;
  ctx.addIssue({
    code: 'custom',
    path: ['end_time'],
    message: 'end_time is after start_time',
    params: { type: 'window_reversed' },
  });
}

/** Direction of a list; ours, beside the contract's parameters. */
export function orderParameter(by: string) {
  return {
    order: z
      .enum(['asc', 'desc'])
      .default('asc')
      .meta({ description: `Direction of ${by}.` }),
  };
}

export const nullablePower = z.union([powerOutput, z.null()]);
export const nullableEnergy = z.union([energyOutput, z.null()]);
export const nullableDecimal = z.union([decimalOutput, z.null()]);
