import { z } from 'zod';
import { idText, plainText, utcInstantText } from '../../scalars.js';

/** The only envelope version there is; any other value is refused. */
export const VCP_VERSION = '1.1';

/** Handed on as it is, for the schema of its family to read. */
const jsonObject = z
  .custom<Readonly<Record<string, unknown>>>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    { error: 'an object' },
  )
  .meta({ type: 'object' });

/**
 * Envelope of VCP 1.1: the same for every family and both directions; the payload's shape follows from the routing key.
 *
 * `siteId` is the plant's UUID, or the id by which the partner knows the plant. `timestamp` is the partner's clock, UTC.
 * Members that are not listed are accepted; they are part of what a signature covers.
 */
export const vcpEnvelope = z
  .object({
    version: z.literal(VCP_VERSION, { error: `version "${VCP_VERSION}"` }),
    messageId: idText(200),
    correlationId: idText(200).optional(),
    timestamp: utcInstantText,
    source: plainText(200),
    siteId: idText(200),
    payload: jsonObject,
    signatureAlgo: z.literal('HMAC-SHA256').optional(),
    signature: z.string().max(200).optional(),
    signatureKid: z.string().max(200).optional(),
  })
  .meta({ id: 'VcpEnvelope', title: 'VCP 1.1 envelope' });
export type VcpEnvelope = z.infer<typeof vcpEnvelope>;
