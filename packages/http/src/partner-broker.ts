import { z } from 'zod';

/** Environment variables that say how partners reach the broker, for whoever tells them. */
export const PARTNER_BROKER_VARIABLES = {
  QUARTERHOUR_PARTNER_AMQP_HOST: z.string().max(255).default('localhost'),
  QUARTERHOUR_PARTNER_AMQP_PORT: z.coerce.number({ error: 'must be a port' }).int().min(1).max(65_535).default(5671),
  QUARTERHOUR_PARTNER_AMQP_CA: z
    .string()
    .startsWith('-----BEGIN CERTIFICATE-----', { error: 'must be a certificate in PEM' })
    .optional(),
};

/** Where the broker takes partners' connections, always over TLS. */
export interface PartnerBroker {
  readonly host: string;
  readonly port: number;
  /** Certificate in PEM of the authority to verify the broker with; null when its authority is one that everybody knows. */
  readonly ca: string | null;
}

/** Names what was read from {@link PARTNER_BROKER_VARIABLES}. */
export function partnerBroker(read: z.output<z.ZodObject<typeof PARTNER_BROKER_VARIABLES>>): PartnerBroker {
  return {
    host: read.QUARTERHOUR_PARTNER_AMQP_HOST,
    port: read.QUARTERHOUR_PARTNER_AMQP_PORT,
    ca: read.QUARTERHOUR_PARTNER_AMQP_CA ?? null,
  };
}
