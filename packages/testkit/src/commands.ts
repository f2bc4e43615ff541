import { randomBytes, randomUUID } from 'node:crypto';
import {
  API_KEY_SCOPES,
  VCP_VERSION,
  type VcpDevicePayload,
  type VcpEnvelope,
  type VcpScheduleCreatePayload,
  type VcpSiteSetpointPayload,
} from '@quarterhour/contracts';
import { signingKeyPlace, type Database, type OrganisationRow } from '@quarterhour/db';
import { SIGNATURE_ALGORITHM, signatureOf, signingKeyBytes } from '@quarterhour/ingestion';
import { systemClock, type KeyRing } from '@quarterhour/runtime';
import { anApiKey } from './register.js';

/** Scopes of a partner that may publish everything. */
export const ALL_WRITE_SCOPES = API_KEY_SCOPES.filter((scope) => scope.startsWith('vcp:'));

/** An API key whose holder can sign. */
export interface SigningApiKey {
  readonly id: string;
  /** As it is handed out: 64 hexadecimal digits. */
  readonly signingKey: string;
  /** The envelope with its signature. */
  sign(envelope: VcpEnvelope): VcpEnvelope;
}

/** Registers a key of an organisation whose signing key is sealed under a ring. */
export async function aSigningKey(
  db: Database,
  organisation: Pick<OrganisationRow, 'id'>,
  keyRing: Pick<KeyRing, 'seal'>,
  { scopes = ALL_WRITE_SCOPES }: { readonly scopes?: readonly string[] } = {},
): Promise<SigningApiKey> {
  const id = randomUUID();
  const signingKey = randomBytes(32).toString('hex');
  const sealedSigningKey = keyRing.seal(signingKey, signingKeyPlace(organisation.id, id));
  await anApiKey(db, organisation, { id, sealedSigningKey, scopes });
  return { id, signingKey, sign: (envelope) => signed(envelope, signingKey) };
}

/** Signs an envelope as a partner does. */
export function signed<Envelope extends VcpEnvelope>(envelope: Envelope, signingKey: string): Envelope {
  const toSign = { ...envelope, signatureAlgo: SIGNATURE_ALGORITHM };
  return { ...toSign, signature: signatureOf(toSign, signingKeyBytes(signingKey)) };
}

type Different = Partial<Omit<VcpEnvelope, 'payload'>>;

/** An envelope of now. */
export function aCommandEnvelope(siteId: string, payload: object, different: Different = {}): VcpEnvelope {
  return {
    version: VCP_VERSION,
    messageId: randomUUID(),
    correlationId: randomUUID(),
    timestamp: new Date(systemClock.nowMillis()).toISOString(),
    source: 'partner',
    siteId,
    payload: { ...payload },
    ...different,
  };
}

/** A valid set-point: 5 kW into the grid from now on. */
export function aSetpoint(different: Partial<VcpSiteSetpointPayload> = {}): VcpSiteSetpointPayload {
  return {
    type: 'POWER',
    targetValueKw: 5,
    direction: 'EXPORT',
    includeConsumption: true,
    priority: 'NORMAL',
    validFrom: new Date(systemClock.nowMillis() - 1_000).toISOString(),
    ...different,
  };
}

/** A valid command of a device. */
export function aDeviceCommand(different: Partial<VcpDevicePayload> = {}): VcpDevicePayload {
  return { deviceId: 'BAT-1', action: 'CHARGE', powerKw: 3, priority: 'NORMAL', ...different };
}

/** A valid schedule: two slots of a quarter hour, from a minute ago on. */
export function aSchedule(different: Partial<VcpScheduleCreatePayload> = {}): VcpScheduleCreatePayload {
  const at = (minutes: number) => new Date(systemClock.nowMillis() + minutes * 60_000).toISOString();
  const slot = { targetPowerKw: 5, direction: 'IMPORT' as const, includeConsumption: true };
  return {
    scheduleId: `plan-${randomUUID().slice(0, 8)}`,
    priority: 'NORMAL',
    slots: [
      { from: at(-1), to: at(14), ...slot },
      { from: at(14), to: at(29), ...slot },
    ],
    ...different,
  };
}
