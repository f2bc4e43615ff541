import { createHmac, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/**
 * An API key: `vcp_live_`, 32 random bytes as 43 characters, and their checksum as 6.
 *
 * The checksum covers all that is before it (CRC-32 of ISO 3309), so that a key can be told from other text, and a mistyped
 * one from a wrong one, without asking anybody. Digits are `0-9A-Za-z`, padded with zeros.
 */
const FORM = /^vcp_live_[0-9A-Za-z]{43}[0-9A-Za-z]{6}$/;
const START = 'vcp_live_';
const RANDOM_BYTES = 32;
const RANDOM_DIGITS = 43;
const CHECKSUM_DIGITS = 6;
/** What is shown of a key to tell it from others: 6 of its 43 random characters. */
const SHOWN = START.length + 6;
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const BASE = BigInt(DIGITS.length);

/** Makes a key that nobody has. It is shown once and kept nowhere. */
export function newApiKey(): string {
  const random = BigInt(`0x${randomBytes(RANDOM_BYTES).toString('hex')}`);
  return checked(START + inDigits(random, RANDOM_DIGITS));
}

/** Whether a text has the form of a key and its checksum is right. Says nothing about whether there is such a key. */
export function isApiKey(text: string): boolean {
  return FORM.test(text) && checked(text.slice(0, -CHECKSUM_DIGITS)) === text;
}

/** The beginning of a key, by which its holder knows it in a list. */
export function apiKeyPrefix(key: string): string {
  return key.slice(0, SHOWN);
}

/**
 * By what a key is kept and found: HMAC-SHA-256, 32 bytes. A slow hash would add nothing: 256 random bits cannot be guessed.
 *
 * @param pepper 32 bytes that are not in the database
 */
export function apiKeyDigest(pepper: Uint8Array, key: string): Buffer {
  return createHmac('sha256', pepper).update(key).digest();
}

function checked(text: string): string {
  return text + inDigits(BigInt(crc32(text)), CHECKSUM_DIGITS);
}

function inDigits(value: bigint, length: number): string {
  let digits = '';
  for (let rest = value; rest > 0n; rest /= BASE) digits = DIGITS.charAt(Number(rest % BASE)) + digits;
  return digits.padStart(length, '0');
}
