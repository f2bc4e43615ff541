import { z } from 'zod';
import { plainText, utcInstantText } from '../../scalars.js';
import { deviceIdText, flowDirection } from './commands.js';

/** What a partner's config is about, the last fixed word of `{prefix}.config.{subject}[.{site}]`. */
export const CONFIG_SUBJECTS = ['constraints', 'topology', 'fallback'] as const;
export type ConfigSubject = (typeof CONFIG_SUBJECTS)[number];

const anyJson = z.json({ error: 'text, a finite number, true, false, null, or these in arrays and objects' });
const kilowatts = z.number({ error: 'a finite number' }).min(0);
const percent = z.number({ error: 'a finite number' }).min(0).max(100);

/**
 * Payload of `{prefix}.config.{subject}`: a JSON object, kept as it is. What each subject must say is in
 * {@link vcpConstraintsPayload}, {@link vcpTopologyPayload} and {@link vcpFallbackPayload}; what it says beyond is kept.
 */
export const vcpConfigPayload = z
  .record(z.string(), anyJson)
  .meta({ id: 'VcpConfigPayload', title: 'Config of a plant' });
export type VcpConfigPayload = z.infer<typeof vcpConfigPayload>;

/**
 * Payload of `{prefix}.config.constraints`. The shape is ours: VCP 1.1 leaves it open. Magnitudes in kW at the point of
 * connection, state of charge 0 to 100 percent.
 */
export const vcpConstraintsPayload = z
  .object({
    maxImportKw: kilowatts.nullish(),
    maxExportKw: kilowatts.nullish(),
    socMin: percent.nullish(),
    socMax: percent.nullish(),
    validFrom: utcInstantText.nullish(),
    validUntil: utcInstantText.nullish(),
  })
  .catchall(anyJson)
  .refine(({ socMin, socMax }) => (socMin ?? 0) <= (socMax ?? 100), {
    path: ['socMin'],
    error: 'socMin is not above socMax',
  })
  .refine(({ validFrom, validUntil }) => !validFrom || !validUntil || Date.parse(validFrom) < Date.parse(validUntil), {
    path: ['validUntil'],
    error: 'validUntil is after validFrom',
  })
  .meta({ id: 'VcpConstraintsPayload', title: 'Constraints of a plant (ours)' });
export type VcpConstraintsPayload = z.infer<typeof vcpConstraintsPayload>;

/** Payload of `{prefix}.config.topology`: what a plant consists of, each device below its parent. The shape is ours. */
export const vcpTopologyPayload = z
  .object({
    devices: z
      .array(
        z.object({ deviceId: deviceIdText, kind: plainText(64), parentId: deviceIdText.nullish() }).catchall(anyJson),
      )
      .max(500),
  })
  .catchall(anyJson)
  .meta({ id: 'VcpTopologyPayload', title: 'Topology of a plant (ours)' });
export type VcpTopologyPayload = z.infer<typeof vcpTopologyPayload>;

/** Payload of `{prefix}.config.fallback`: what a plant does when nothing was heard for so long. The shape is ours. */
export const vcpFallbackPayload = z
  .object({
    mode: plainText(64),
    powerKw: kilowatts.nullish(),
    direction: flowDirection.nullish(),
    afterSeconds: z.int().min(1).max(86_400),
  })
  .catchall(anyJson)
  .meta({ id: 'VcpFallbackPayload', title: 'Fallback of a plant (ours)' });
export type VcpFallbackPayload = z.infer<typeof vcpFallbackPayload>;

/** What each subject must say. */
export const VCP_CONFIG_PAYLOADS = {
  constraints: vcpConstraintsPayload,
  topology: vcpTopologyPayload,
  fallback: vcpFallbackPayload,
} as const satisfies Readonly<Record<ConfigSubject, z.ZodType>>;
