import { z } from 'zod';
import { quantityOutput } from '../scalars.js';

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
