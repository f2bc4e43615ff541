import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

export const ISSUER = 'https://issuer.example';
export const AUDIENCE = 'quarterhour';

export interface TokenClaims {
  orgs?: readonly string[];
  roles?: readonly string[];
  iss?: string;
  aud?: string;
  /** Seconds since 1970. */
  exp?: number;
  nbf?: number;
}

export interface TestIssuer {
  readonly jwksPath: string;
  token(claims?: TokenClaims): Promise<string>;
  close(): Promise<void>;
}

export async function openTestIssuer(): Promise<TestIssuer> {
  const { privateKey, publicKey } = await generateKeyPair('EdDSA');
  const folder = await mkdtemp(join(tmpdir(), 'issuer-'));
  const jwksPath = join(folder, 'jwks.json');
  await writeFile(
    jwksPath,
    JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'key-1', alg: 'EdDSA' }] }),
  );
  return {
    jwksPath,
    token: ({ orgs = [], roles = [], iss = ISSUER, aud = AUDIENCE, exp = 4_000_000_000, nbf = 0 } = {}) =>
      new SignJWT({ orgs, roles, nbf })
        .setProtectedHeader({ alg: 'EdDSA', kid: 'key-1' })
        .setSubject('somebody')
        .setIssuer(iss)
        .setAudience(aud)
        .setExpirationTime(exp)
        .sign(privateKey),
    close: () => rm(folder, { recursive: true }),
  };
}
