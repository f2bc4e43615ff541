import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createLocalJWKSet, createRemoteJWKSet, errors, jwtVerify } from 'jose';
import type { JWTPayload, JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import type { Clock } from '@quarterhour/runtime';
import { RequestRefused, RETRY_AFTER_SECONDS } from './refusal.js';

/** Who asks: the claims of a verified token, or the holder of an API key. */
export interface Principal {
  /** Claim `sub`. */
  readonly subject: string;
  /** Claim `orgs`: UUIDs in lower case, sorted, each once. */
  readonly organisations: readonly string[];
  /** Claim `roles`, as sent; only those of the role matrix mean something. */
  readonly roles: readonly string[];
  /** When it is an API key that asks, which has scopes instead of roles. */
  readonly apiKey?: { readonly id: string; readonly scopes: readonly string[] };
}

/** Decides whether an `Authorization` header names somebody. */
export interface TokenVerifier {
  /**
   * @param authorization the header's value; a token is looked for nowhere else
   * @throws RequestRefused `unauthenticated`; `unavailable` when the key set cannot be fetched
   */
  verify(authorization: string | undefined): Promise<Principal>;
  /** Whether the token was verified before and is one of the last that were; it may be over by now. */
  hasAccepted(authorization: string): boolean;
}

/** What {@link openTokenVerifier} needs. */
export interface TokenVerifierOptions {
  /** JSON Web Key Set: a file path, or an https URL (http for a loopback host only). */
  readonly jwks: string;
  /** Exact value of `iss`. */
  readonly issuer: string;
  /** Value that `aud` must contain. */
  readonly audience: string;
  /** Whether tokens of the demo issuer count: only where nothing but loopback is listened on. */
  readonly areDemoKeysAllowed: boolean;
  readonly clock: Clock;
}

/** The demo issuer's keys are configured where others than this machine can reach us. */
export class DemoKeyRefusedError extends Error {
  override readonly name = 'DemoKeyRefusedError';
  readonly code = 'DEMO_KEY_REFUSED';

  constructor() {
    super('the key set holds a key of the demo issuer; it is accepted on a loopback address only');
  }
}

/** The configured key set is no key set. */
export class KeySetError extends Error {
  override readonly name = 'KeySetError';
  readonly code = 'KEY_SET_INVALID';
}

/** Key ids of the demo issuer begin like this. */
export const DEMO_KEY_PREFIX = 'demo-';

const ALGORITHMS = ['EdDSA', 'ES256', 'RS256'];
const TOLERANCE_SECONDS = 30;
const REMEMBERED_MS = 30_000;
const MOST_REMEMBERED = 1_000;
const LONGEST_TOKEN = 8_192;
const REREAD_AFTER_MS = 30_000;
const FETCH_TIMEOUT_MS = 5_000;

const claims = z.object({
  sub: z.string().min(1).max(255),
  exp: z.number(),
  orgs: z.array(z.guid().toLowerCase()).max(1_000),
  roles: z.array(z.string().max(100)).max(100),
});

/**
 * Opens the verifier of bearer tokens.
 *
 * Accepts EdDSA, ES256 and RS256 signatures by a key of the set, exact issuer, our audience, `exp` and `nbf` with 30 s of
 * tolerance, and the claims `sub`, `orgs` (UUIDs) and `roles`. Nothing in a token makes us fetch anything. A verified token
 * is remembered for 30 s at most, and never beyond its `exp`.
 *
 * @throws KeySetError when the key set is a file and cannot be used, or the URL is neither https nor loopback
 * @throws DemoKeyRefusedError
 */
export async function openTokenVerifier(options: TokenVerifierOptions): Promise<TokenVerifier> {
  const keys = guardDemoKeys(options, await openKeySet(options));
  const remembered = new Map<string, { principal: Principal; untilMillis: number }>();

  return {
    async verify(authorization) {
      const token = bearerTokenOf(authorization);
      const hash = hashOf(token);
      const now = options.clock.nowMillis();
      const known = remembered.get(hash);
      if (known !== undefined && now < known.untilMillis) return known.principal;

      const payload = await verified(token, keys, options);
      const { principal, expiresAtMillis } = principalOf(payload);
      remembered.delete(hash);
      remembered.set(hash, { principal, untilMillis: Math.min(now + REMEMBERED_MS, expiresAtMillis) });
      forgetOldest(remembered);
      return principal;
    },
    hasAccepted(authorization) {
      const token = tokenIn(authorization);
      return token !== undefined && remembered.has(hashOf(token));
    },
  };
}

function bearerTokenOf(authorization: string | undefined): string {
  if (authorization === undefined) throw unauthenticated(false);
  const token = tokenIn(authorization);
  if (token === undefined) throw unauthenticated(true);
  return token;
}

function tokenIn(authorization: string): string | undefined {
  const [, token] = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(authorization) ?? [];
  return token === undefined || token.length > LONGEST_TOKEN ? undefined : token;
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}

async function verified(token: string, keys: JWTVerifyGetKey, options: TokenVerifierOptions): Promise<JWTPayload> {
  try {
    const { payload, protectedHeader } = await jwtVerify(token, keys, {
      algorithms: ALGORITHMS,
      issuer: options.issuer,
      audience: options.audience,
      clockTolerance: TOLERANCE_SECONDS,
      currentDate: new Date(options.clock.nowMillis()),
      requiredClaims: ['sub', 'exp', 'orgs', 'roles'],
    });
    if (!isAccessTokenType(protectedHeader.typ)) throw unauthenticated(true);
    return payload;
  } catch (error) {
    throw refusalOfTokenError(error);
  }
}

function isAccessTokenType(typ: unknown): boolean {
  if (typeof typ !== 'string') return typ === undefined;
  return ['jwt', 'at+jwt', 'application/at+jwt'].includes(typ.toLowerCase());
}

/** A key set that cannot be fetched is not the caller's fault; anything else about a token is. */
function refusalOfTokenError(error: unknown): RequestRefused {
  if (error instanceof RequestRefused) return error;
  const isOurs = !(error instanceof errors.JOSEError) || KEY_SET_TROUBLE.has(error.code);
  if (isOurs)
    return new RequestRefused({ kind: 'unavailable', retryAfterSeconds: RETRY_AFTER_SECONDS }, { cause: error });
  return unauthenticated(true, error);
}

const KEY_SET_TROUBLE: ReadonlySet<string> = new Set([
  errors.JWKSTimeout.code,
  errors.JWKSInvalid.code,
  errors.JOSEError.code,
]);

function principalOf(payload: JWTPayload): { principal: Principal; expiresAtMillis: number } {
  const parsed = claims.safeParse(payload);
  if (!parsed.success) throw unauthenticated(true, parsed.error);
  const { sub, orgs, roles, exp } = parsed.data;
  return {
    principal: { subject: sub, organisations: [...new Set(orgs)].sort(), roles },
    expiresAtMillis: exp * 1_000,
  };
}

function forgetOldest(remembered: Map<string, unknown>): void {
  for (const hash of remembered.keys()) {
    if (remembered.size <= MOST_REMEMBERED) return;
    remembered.delete(hash);
  }
}

function unauthenticated(isTokenInvalid: boolean, cause?: unknown): RequestRefused {
  return new RequestRefused({ kind: 'unauthenticated', isTokenInvalid }, { cause });
}

function guardDemoKeys({ areDemoKeysAllowed }: TokenVerifierOptions, keys: JWTVerifyGetKey): JWTVerifyGetKey {
  if (areDemoKeysAllowed) return keys;
  return (header, token) => {
    if (isDemoKey(header)) throw unauthenticated(true);
    return keys(header, token);
  };
}

function openKeySet(options: TokenVerifierOptions): Promise<JWTVerifyGetKey> {
  return /^https?:\/\//i.test(options.jwks) ? openRemoteKeySet(options) : openKeyFile(options);
}

/** Fetched once now, so that a demo key stops the start; an issuer that is down does not. */
async function openRemoteKeySet({ jwks, areDemoKeysAllowed }: TokenVerifierOptions): Promise<JWTVerifyGetKey> {
  const url = new URL(jwks);
  if (url.protocol !== 'https:' && !isLoopback(url.hostname)) throw new KeySetError('the key set needs an https URL');
  const keys = createRemoteJWKSet(url, { timeoutDuration: FETCH_TIMEOUT_MS });
  await keys.reload().catch(() => undefined);
  if (!areDemoKeysAllowed && keys.jwks()?.keys.some(isDemoKey)) throw new DemoKeyRefusedError();
  return keys;
}

/** A key id that is not in the file makes us read it again, at most every 30 s, so that a rotated key is found. */
async function openKeyFile(options: TokenVerifierOptions): Promise<JWTVerifyGetKey> {
  let keys = await readKeyFile(options);
  let readAt = options.clock.monotonicMillis();
  return async (header, token) => {
    try {
      return await keys(header, token);
    } catch (error) {
      const now = options.clock.monotonicMillis();
      if (!(error instanceof errors.JWKSNoMatchingKey) || now - readAt < REREAD_AFTER_MS) throw error;
      readAt = now;
      keys = await readKeyFile(options);
      return keys(header, token);
    }
  };
}

const keySet = z.object({ keys: z.array(z.looseObject({ kty: z.string(), kid: z.exactOptional(z.string()) })).min(1) });

async function readKeyFile({ jwks, areDemoKeysAllowed }: TokenVerifierOptions): Promise<JWTVerifyGetKey> {
  let found: z.infer<typeof keySet>;
  try {
    found = keySet.parse(JSON.parse(await readFile(jwks, 'utf8')));
  } catch (error) {
    throw new KeySetError('the file of the key set cannot be used', { cause: error });
  }
  if (!areDemoKeysAllowed && found.keys.some(isDemoKey)) throw new DemoKeyRefusedError();
  return createLocalJWKSet(found);
}

/** Of a token nothing is believed yet, not even that its key id is a text. */
function isDemoKey({ kid }: { readonly kid?: unknown }): boolean {
  return typeof kid === 'string' && kid.startsWith(DEMO_KEY_PREFIX);
}

/** Whether a host, as configured or in a URL, is reached from this machine only. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase();
  return bare === 'localhost' || bare === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(bare);
}
