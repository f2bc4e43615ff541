import { readFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { SignJWT, importJWK, type CryptoKey, type JWK } from 'jose';
import { z } from 'zod';
import { demoIssuer, type DemoIssuer, type Settings } from '../config.js';
import type { CommandContext } from '../context.js';
import { CommandFailure } from '../failure.js';
import { defaultOrganisation, everyOrganisation, organisationBySlug } from '../organisations.js';
import { isUuid, several, shortText, slug, wholeNumber } from '../values.js';

const ROLES = ['partner', 'operator', 'trader', 'auditor', 'admin'];
const MOST_MINUTES = 24 * 60;

interface Options {
  readonly organisation?: readonly string[];
  readonly role: readonly string[];
  readonly minutes: number;
  readonly subject: string;
}

export function mintTokenCommand(ctx: CommandContext): Command {
  return new Command('token')
    .description('make a bearer token of the local demo issuer; prints the token and nothing else')
    .option('--organisation <slug>', 'whose data it opens, by slug or UUID; may be repeated', several(slug))
    .addOption(
      new Option('--role <role...>', 'what its bearer may do; may be repeated').choices(ROLES).default(['operator']),
    )
    .option('--minutes <minutes>', 'how long it is valid', wholeNumber(1, MOST_MINUTES), 60)
    .option('--subject <name>', 'who its bearer is', shortText, 'demo')
    .addHelpText(
      'after',
      `
Without --organisation it opens the demo organisation, or the only one there is.

Example:
  $ curl -H "Authorization: Bearer $(npx quarterhour token --role operator)" http://127.0.0.1:8080/quarterhour/v1/quarantine`,
    )
    .action(async (options: Options) => {
      const issuer = demoIssuer(ctx.settings());
      const key = await privateKeyOf(issuer);
      const orgs = await organisationIds(ctx.settings(), options.organisation);
      ctx.out.line(await mint(issuer, key, { ...options, orgs, nowMillis: ctx.clock.nowMillis() }));
    });
}

interface SigningKey {
  readonly key: CryptoKey | Uint8Array;
  readonly kid: string;
  readonly alg: string;
}

const privateJwk = z.looseObject({
  kty: z.enum(['OKP', 'EC', 'RSA']),
  kid: z.string(),
  alg: z.string(),
  d: z.string(),
});

async function privateKeyOf({ keyFile }: DemoIssuer): Promise<SigningKey> {
  try {
    const jwk: JWK & z.infer<typeof privateJwk> = privateJwk.parse(JSON.parse(await readFile(keyFile, 'utf8')));
    return { key: await importJWK(jwk, jwk.alg), kid: jwk.kid, alg: jwk.alg };
  } catch (cause) {
    throw new CommandFailure(`the demo issuer's key ${keyFile} cannot be used`, {
      remedy: '"npm start" makes it; tokens of another installation come from its identity provider.',
      cause,
    });
  }
}

async function organisationIds(settings: Settings, named: readonly string[] | undefined): Promise<string[]> {
  if (named?.every(isUuid)) return [...named];
  const organisations = await everyOrganisation(settings);
  if (named === undefined) return [defaultOrganisation(organisations).id];
  return named.map((name) => (isUuid(name) ? name : organisationBySlug(organisations, name).id));
}

interface Claims {
  readonly subject: string;
  readonly role: readonly string[];
  readonly orgs: readonly string[];
  readonly minutes: number;
  readonly nowMillis: number;
}

function mint({ issuer, audience }: DemoIssuer, { key, kid, alg }: SigningKey, claims: Claims): Promise<string> {
  const now = Math.floor(claims.nowMillis / 1000);
  return new SignJWT({ orgs: claims.orgs, roles: [...new Set(claims.role)] })
    .setProtectedHeader({ alg, kid, typ: 'JWT' })
    .setSubject(claims.subject)
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt(now)
    .setExpirationTime(now + claims.minutes * 60)
    .sign(key);
}
