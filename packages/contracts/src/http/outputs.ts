import { z } from 'zod';
import { decimalOutput, quantityOutput } from '../scalars.js';

/** An instant as it is answered: UTC with `Z`, no fraction when it is zero, else 3 or 6 digits. */
export const instantOutput = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{3}|\.\d{6})?Z$/)
  .meta({ format: 'date-time' });

/** A UUID as it is answered: lower case. */
export const uuidOutput = z
  .string()
  .regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/)
  .meta({ format: 'uuid' });

/** Power in MW as it is answered; positive is injected into the grid or discharged. */
export const powerOutput = z.strictObject(quantityOutput('MW').shape).meta({
  id: 'Power',
  description: 'Power. Positive is injected or discharged, negative is drawn or charged.',
});

/** Energy in MWh as it is answered. */
export const energyOutput = z.strictObject(quantityOutput('MWh').shape).meta({ id: 'Energy', description: 'Energy.' });

/** A price as it is answered, in the currency of its region. */
export const priceOutput = z
  .strictObject({ amount: decimalOutput, unit: z.enum(['EUR/MWh', 'PLN/MWh']) })
  .meta({ id: 'Price', description: 'A price of energy.' });

/** A calendar date as it is answered. */
export const dateOutput = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}$/)
  .meta({ format: 'date' });
