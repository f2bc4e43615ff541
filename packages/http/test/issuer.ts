import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const ISSUER = 'https://issuer.example';
export const AUDIENCE = 'quarterhour';

export interface TokenClaims {
  sub?: string;
  orgs?: unknown;
  roles?: unknown;
  iss?: string;
  aud?: string;
  /** Seconds since 1970. */
  exp?: number;
  nbf?: number;
  typ?: string;
}

/** An issuer of tokens with its key set in a file. */
export interface TestIssuer {
  readonly jwksPath: string;
  readonly publicJwk: Record<string, unknown>;
  token(claims?: TokenClaims): Promise<string>;
  close(): Promise<void>;
}

export async function openTestIssuer(kid = 'key-1', alg = 'EdDSA'): Promise<TestIssuer> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const publicJwk = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' };
  const folder = await mkdtemp(join(tmpdir(), 'issuer-'));
  const jwksPath = join(folder, 'jwks.json');
  await writeFile(jwksPath, JSON.stringify({ keys: [publicJwk] }));
  return {
    jwksPath,
    publicJwk,
    token: ({ sub = 'somebody', orgs = [], roles = [], iss = ISSUER, aud = AUDIENCE, exp, nbf, typ } = {}) =>
      new SignJWT({ orgs, roles, ...(nbf === undefined ? {} : { nbf }) })
        .setProtectedHeader({ alg, kid, ...(typ === undefined ? {} : { typ }) })
        .setSubject(sub)
        .setIssuer(iss)
        .setAudience(aud)
        .setExpirationTime(exp ?? 4_000_000_000)
        .sign(privateKey),
    close: () => rm(folder, { recursive: true }),
  };
}
