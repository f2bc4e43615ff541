import { z } from 'zod';

/** What a partner's config is about, the last fixed word of `{prefix}.config.{subject}[.{site}]`. */
export const CONFIG_SUBJECTS = ['constraints', 'topology', 'fallback'] as const;
export type ConfigSubject = (typeof CONFIG_SUBJECTS)[number];

/**
 * Payload of `{prefix}.config.{subject}`: any JSON object, kept as it is.
 *
 * VCP 1.1 names the three subjects and leaves their payloads open; what a subject must say is not judged here.
 */
export const vcpConfigPayload = z
  .record(z.string(), z.json({ error: 'text, a finite number, true, false, null, or these in arrays and objects' }))
  .meta({ id: 'VcpConfigPayload', title: 'Config of a plant' });
export type VcpConfigPayload = z.infer<typeof vcpConfigPayload>;
