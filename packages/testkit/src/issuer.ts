import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

/** What the tokens of {@link openTestIssuer} say of themselves. */
export const ISSUER = 'https://issuer.example';
export const AUDIENCE = 'quarterhour';

/** What a token says; the rest is as it should be. */
export interface TokenClaims {
  sub?: string;
  orgs?: readonly string[];
  roles?: readonly string[];
  iss?: string;
  aud?: string;
  /** Seconds since 1970. */
  exp?: number;
  nbf?: number;
}

/** An issuer of tokens with its key set in a file. */
export interface TestIssuer {
  readonly jwksPath: string;
  token(claims?: TokenClaims): Promise<string>;
  close(): Promise<void>;
}

/** Makes an issuer with a key of its own. */
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
    token: ({ sub = 'somebody', orgs = [], roles = [], iss = ISSUER, aud = AUDIENCE, exp = 4e9, nbf = 0 } = {}) =>
      new SignJWT({ orgs, roles, nbf })
        .setProtectedHeader({ alg: 'EdDSA', kid: 'key-1' })
        .setSubject(sub)
        .setIssuer(iss)
        .setAudience(aud)
        .setExpirationTime(exp)
        .sign(privateKey),
    close: () => rm(folder, { recursive: true }),
  };
}
