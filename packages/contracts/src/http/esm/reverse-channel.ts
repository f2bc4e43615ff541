import { z } from 'zod';
import { idText } from '../../scalars.js';
import { MAX_TIME_CONFIGS, timeConfig, type TimeConfig } from '../trading/plant-config.js';

/**
 * How a partner's energy management system (ESM) is spoken to. The public contract names three addresses and the members of
 * the credentials; everything else is our reading of it, and stands in this file alone.
 *
 * Paths below the base URL. `config` and `result` are not in the contract; a dry run is an update with `validateOnly`.
 */
export const ESM_PATHS = {
  token: '/trading/token',
  plants: '/trading/plant/list',
  config: '/trading/plant/config/get',
  update: '/trading/plant/config/update',
  result: '/trading/plant/config/result',
} as const;

/** What a token is asked for with. */
export interface EsmCredentials {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** Query of `config`: the id by which the ESM knows the plant. */
export interface EsmConfigQuery {
  readonly plantId: string;
}

/** Query of `result`. */
export interface EsmResultQuery {
  readonly requestCode: string;
}

/** Body of `update`. The request code is ours, so that it is known whatever becomes of the answer. */
export interface EsmConfigUpdate {
  readonly requestCode: string;
  readonly plantId: string;
  readonly validateOnly: boolean;
  readonly timeConfigs: readonly TimeConfig[];
}

/** Longest token that is carried. */
const MAX_TOKEN_CHARACTERS = 8_192;
const tokenText = z
  .string()
  .regex(/^[\x21-\x7e]+$/)
  .max(MAX_TOKEN_CHARACTERS);

/** A token as it is carried, and for how many seconds it holds; null when that is not said in a way to be understood. */
export interface EsmToken {
  readonly token: string;
  readonly lifetimeSeconds: number | null;
}

/** Answer of `token`, in the spelling of OAuth or that of the rest of the contract. */
export const esmToken = z
  .union([
    z.object({ access_token: tokenText, expires_in: z.unknown() }),
    z
      .object({ accessToken: tokenText, expiresIn: z.unknown() })
      .transform(({ accessToken, expiresIn }) => ({ access_token: accessToken, expires_in: expiresIn })),
  ])
  .transform(({ access_token: token, expires_in: lifetime }): EsmToken => ({
    token,
    lifetimeSeconds: secondsOf(lifetime),
  }));

function secondsOf(lifetime: unknown): number | null {
  const seconds = typeof lifetime === 'string' && /^-?\d{1,15}$/.test(lifetime) ? Number(lifetime) : lifetime;
  return typeof seconds === 'number' && Number.isFinite(seconds) ? seconds : null;
}

/** Most plants that a list may have. */
export const MAX_ESM_PLANTS = 5_000;

/** Answer of `plants`: all of them at once, bare or as a member. Each is judged by itself, with {@link esmPlant}. */
export const esmPlantList = z
  .union([z.array(z.unknown()), z.object({ plants: z.array(z.unknown()) }), z.object({ data: z.array(z.unknown()) })])
  .transform((answer): readonly unknown[] => {
    if (Array.isArray(answer)) return answer;
    return 'plants' in answer ? answer.plants : answer.data;
  })
  .refine((plants) => plants.length <= MAX_ESM_PLANTS, { error: `at most ${MAX_ESM_PLANTS} plants` });

/** A plant in the list. `externalPlantId` is the id by which the ESM is asked about it. */
export const esmPlant = z.object({
  externalPlantId: idText(200),
  name: z.string().max(1_000).nullish(),
});
export type EsmPlant = z.output<typeof esmPlant>;

/** Answer of `config`. */
export const esmPlantConfig = z.object({
  plantId: idText(200),
  version: z.int().min(0),
  configEnabled: z.boolean(),
  esiState: z.string().max(200).nullable(),
  timeConfigs: z.array(z.object(timeConfig.shape)).max(MAX_TIME_CONFIGS),
});
export type EsmPlantConfig = z.output<typeof esmPlantConfig>;

/** What result codes mean; of any other it is not known, unless the answer says it. */
const RESULT_CODES: Readonly<Record<string, Pick<EsmResult, 'isTerminal' | 'isError'>>> = {
  ACCEPTED: { isTerminal: false, isError: false },
  PENDING: { isTerminal: false, isError: false },
  PROCESSING: { isTerminal: false, isError: false },
  APPLIED: { isTerminal: true, isError: false },
  VALID: { isTerminal: true, isError: false },
  INVALID: { isTerminal: true, isError: true },
  REJECTED: { isTerminal: true, isError: true },
  FAILED: { isTerminal: true, isError: true },
};
const UNKNOWN_CODE = { isTerminal: false, isError: false };

/** What an ESM says of a configuration that was sent to it. */
export interface EsmResult {
  readonly resultCode: string;
  readonly message: string | null;
  /** Whether nothing more will come. */
  readonly isTerminal: boolean;
  readonly isError: boolean;
}

/** Answer of `update` and `result`. */
export const esmResult = z
  .object({
    resultCode: idText(200),
    message: z.string().nullish(),
    isTerminal: z.boolean().optional(),
    isError: z.boolean().optional(),
  })
  .transform(({ resultCode, message = null, isTerminal, isError }): EsmResult => {
    const known = Object.hasOwn(RESULT_CODES, resultCode) ? RESULT_CODES[resultCode] : undefined;
    const { isTerminal: ends, isError: fails } = known ?? UNKNOWN_CODE;
    return { resultCode, message, isTerminal: isTerminal ?? ends, isError: isError ?? fails };
  });
