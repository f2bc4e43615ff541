import { z } from 'zod';
import { plainText, uuidText } from '../../scalars.js';
import { STREAMS } from '../../streams.js';
import { uuidOutput } from '../outputs.js';

/** Longest body that is looked at, in characters of base64: what no stream reads is not looked at either. */
const MOST_BASE64 = 262_144;

const properties = z
  .strictObject({
    message_id: z.string().max(255).optional(),
    content_type: z.string().max(255).optional(),
    content_encoding: z.string().max(255).optional(),
    type: z.string().max(255).optional(),
    app_id: z.string().max(255).optional(),
    headers: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: 'MessageProperties', description: 'Properties of the message, as AMQP has them.' });

/** Body of `POST /quarterhour/v1/messages/validate`. */
export const validateMessageBody = z
  .strictObject({
    exchange: plainText(255).meta({ description: 'Exchange that it would be published to.' }),
    routing_key: plainText(255),
    body: z
      .union([
        z
          .string()
          .max(MOST_BASE64)
          .regex(/^[A-Za-z0-9+/]*={0,2}$/),
        z.custom<object>((value) => typeof value === 'object' && value !== null && !Array.isArray(value)),
      ])
      .meta({
        type: ['string', 'object'],
        description:
          'Its bytes in base64, or the JSON object that it is; at most 256 KiB with all that is around it. A signature is judged by what it covers, not by how that is written.',
      }),
    properties: properties.optional(),
    key_id: uuidText.optional().meta({
      format: 'uuid',
      description:
        'The API key in whose virtual host it would be published. Left out: our own virtual host, or that of the key that asks.',
    }),
  })
  .meta({ id: 'ValidateMessageRequest', description: 'A message that nobody has published.' });
export type ValidateMessageBody = z.output<typeof validateMessageBody>;

/** What would become of a message. */
export const VALIDATION_RESULTS = ['taken', 'rejected', 'quarantined', 'parked', 'not_allowed', 'unroutable'] as const;

/** Answer of `POST /quarterhour/v1/messages/validate`. */
export const validateMessageResponse = z
  .strictObject({
    result: z.enum(VALIDATION_RESULTS).meta({
      description:
        'taken: it would be stored, or is a copy. rejected: understood and refused. quarantined: set aside. parked: set aside until what waits_for names is registered. not_allowed: the broker would refuse it, as the key has none of the scopes in detail. unroutable: no queue takes it.',
    }),
    stream: z.enum(STREAMS).nullable(),
    queue: z.string().nullable(),
    organisation_id: uuidOutput.nullable().meta({ format: 'uuid', description: 'Whose it would be.' }),
    message_id: z.string().nullable(),
    reason: z
      .string()
      .nullable()
      .meta({ description: 'Why it would be set aside or refused; of a command, the code of its NACK.' }),
    path: z.string().nullable().meta({ description: 'The member at fault.' }),
    detail: z.string().nullable().meta({ description: 'For people.' }),
    waits_for: z.string().nullable(),
    is_replayable: z.boolean().nullable(),
    answer: z
      .enum(['ACK', 'NACK'])
      .nullable()
      .meta({ description: 'What a command would be answered; null when nothing.' }),
    signature: z.enum(['valid', 'wrong', 'missing', 'not_due']).nullable().meta({ description: 'Of a command alone.' }),
  })
  .meta({ id: 'MessageValidation', description: 'What would become of a message.' });
export type MessageValidation = z.infer<typeof validateMessageResponse>;
