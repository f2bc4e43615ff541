import { createPrivateKey, KeyObject, randomBytes, X509Certificate, webcrypto } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import path from 'node:path';
import type * as Library from '@peculiar/x509';

/** Files of a broker's TLS listener, in PEM. Private keys are readable by their owner alone. */
export interface BrokerCertificate {
  /** Certificate of the authority: what a client verifies the broker with, and all that a partner is given. */
  readonly caFile: string;
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** What {@link keepBrokerCertificate} makes, and where. */
export interface BrokerCertificateOptions {
  readonly folder: string;
  /** DNS names and addresses by which clients reach the broker; at least one. */
  readonly hosts: readonly string[];
  readonly nowMillis: number;
}

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3_650;
const CERTIFICATE_DAYS = 365;
/** A clock that is a little behind accepts it all the same. */
const BACKDATED_MS = 3_600_000;
/** What expires earlier than this is made anew. */
const RENEWED_BEFORE_MS = 30 * DAY_MS;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/**
 * A certificate for a broker from an authority of its own, made once: a later call finds what is there. The certificate is
 * made anew, by the same authority, when it is about to expire or was made for other hosts.
 *
 * A file that cannot be read as what it should be is replaced; with the authority's, everything.
 */
export async function keepBrokerCertificate(options: BrokerCertificateOptions): Promise<BrokerCertificate> {
  const { folder } = options;
  const at = (name: string) => path.join(folder, name);
  const files = { caFile: at('ca.pem'), certificateFile: at('server.pem'), keyFile: at('server.key') };
  const authorityKeyFile = at('ca.key');
  if (await isUsable(files, options)) return files;

  await mkdir(folder, { recursive: true, mode: 0o700 });
  const x509 = await library();
  const authority =
    (await readAuthority(x509, files.caFile, authorityKeyFile, options)) ?? (await makeAuthority(x509, options));
  const { certificate, keys } = await makeCertificate(x509, authority, options);
  await writeWhole(authorityKeyFile, pemOfKey(authority.keys.privateKey), 0o600);
  await writeWhole(files.caFile, `${authority.certificate.toString('pem')}\n`, 0o644);
  await writeWhole(files.keyFile, pemOfKey(keys.privateKey), 0o600);
  await writeWhole(files.certificateFile, `${certificate.toString('pem')}\n`, 0o644);
  return files;
}

type X509 = typeof Library;
type Certificate = InstanceType<X509['X509Certificate']>;

interface Issued {
  readonly certificate: Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
}

/** Loaded only by whoever makes a certificate: it extends the global `Reflect`, which a worker has no use for. */
async function library(): Promise<X509> {
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  x509.cryptoProvider.set(webcrypto);
  return x509;
}

async function isUsable(files: BrokerCertificate, { hosts, nowMillis }: BrokerCertificateOptions): Promise<boolean> {
  const [authority, certificate, key] = await Promise.all([
    readCertificate(files.caFile),
    readCertificate(files.certificateFile),
    readKey(files.keyFile),
  ]);
  if (authority === null || certificate === null || key === null) return false;
  return (
    lastsFrom(authority, nowMillis) &&
    lastsFrom(certificate, nowMillis) &&
    certificate.verify(authority.publicKey) &&
    certificate.checkPrivateKey(key) &&
    hosts.every((host) => (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined)
  );
}

async function readCertificate(file: string): Promise<X509Certificate | null> {
  try {
    return new X509Certificate(await readFile(file));
  } catch {
    return null;
  }
}

async function readKey(file: string): Promise<KeyObject | null> {
  try {
    return createPrivateKey(await readFile(file));
  } catch {
    return null;
  }
}

function lastsFrom({ validFrom, validTo }: X509Certificate, nowMillis: number): boolean {
  return Date.parse(validFrom) <= nowMillis && Date.parse(validTo) - RENEWED_BEFORE_MS > nowMillis;
}

async function readAuthority(
  x509: X509,
  certificateFile: string,
  keyFile: string,
  { nowMillis }: BrokerCertificateOptions,
): Promise<Issued | null> {
  try {
    const [text, keyText] = await Promise.all([readFile(certificateFile, 'utf8'), readFile(keyFile, 'utf8')]);
    const known = new X509Certificate(text);
    const key = createPrivateKey(keyText);
    if (!lastsFrom(known, nowMillis) || !known.checkPrivateKey(key)) return null;
    const certificate = new x509.X509Certificate(text);
    const { subtle } = webcrypto;
    const [pkcs8, spki] = [
      key.export({ format: 'der', type: 'pkcs8' }),
      known.publicKey.export({ format: 'der', type: 'spki' }),
    ];
    const privateKey = await subtle.importKey('pkcs8', pkcs8, ALGORITHM, true, ['sign']);
    const publicKey = await subtle.importKey('spki', spki, ALGORITHM, true, ['verify']);
    return { certificate, keys: { privateKey, publicKey } };
  } catch {
    return null;
  }
}

async function makeAuthority(x509: X509, { nowMillis }: BrokerCertificateOptions): Promise<Issued> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    // No two authorities share a name, so that a client's old one is never taken for the new one.
    name: `CN=Quarterhour broker CA ${randomBytes(4).toString('hex')}`,
    ...lasting(nowMillis, AUTHORITY_DAYS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate, keys };
}

async function makeCertificate(
  x509: X509,
  authority: Issued,
  { hosts, nowMillis }: BrokerCertificateOptions,
): Promise<Issued> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: 'CN=Quarterhour broker',
    issuer: authority.certificate.subject,
    ...lasting(nowMillis, CERTIFICATE_DAYS),
    signingKey: authority.keys.privateKey,
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        hosts.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }) as const),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(authority.keys.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate, keys };
}

function lasting(nowMillis: number, days: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(nowMillis - BACKDATED_MS), notAfter: new Date(nowMillis + days * DAY_MS) };
}

/** 126 bits; the first one is set, so that the number is positive and of fixed length. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x3f) | 0x40, 0);
  return bytes.toString('hex');
}

function pemOfKey(key: webcrypto.CryptoKey): string {
  return KeyObject.from(key).export({ format: 'pem', type: 'pkcs8' }).toString();
}

async function writeWhole(file: string, text: string, mode: number): Promise<void> {
  await writeFile(`${file}.new`, text, { mode });
  await rename(`${file}.new`, file);
}
