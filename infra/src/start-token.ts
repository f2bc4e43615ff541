import { createPrivateKey, randomUUID, sign } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Clock } from '@quarterhour/runtime';
import { z } from 'zod';

const privateKey = z.looseObject({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), kid: z.string() });

export interface TokenRequest {
  /** File of the issuer's private key, a JWK. */
  readonly privateKeyFile: string;
  readonly issuer: string;
  readonly audience: string;
  readonly subject: string;
  readonly organisations: readonly string[];
  readonly roles: readonly string[];
  readonly validSeconds: number;
  readonly clock: Clock;
}

/** A bearer token of the demo's issuer. */
export async function signToken(request: TokenRequest): Promise<string> {
  const jwk = privateKey.parse(JSON.parse(await readFile(request.privateKeyFile, 'utf8')));
  const issuedAt = Math.floor(request.clock.nowMillis() / 1000);
  const signed = [
    encoded({ alg: 'EdDSA', typ: 'JWT', kid: jwk.kid }),
    encoded({
      iss: request.issuer,
      aud: request.audience,
      sub: request.subject,
      orgs: request.organisations,
      roles: request.roles,
      iat: issuedAt,
      exp: issuedAt + request.validSeconds,
      jti: randomUUID(),
    }),
  ].join('.');
  const signature = sign(null, Buffer.from(signed), createPrivateKey({ key: jwk, format: 'jwk' }));
  return `${signed}.${signature.toString('base64url')}`;
}

function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
