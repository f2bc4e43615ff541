/**
 * Makes the key pair with which this installation's tokens are signed, unless it is there already: `jwks.json` for the
 * APIs and `issuer.jwk`, the private half, for `quarterhour token`.
 *
 * Usage: node make-issuer.mjs FOLDER
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  process.stderr.write('Usage: node make-issuer.mjs FOLDER\n');
  process.exit(2);
}

const keySet = path.join(folder, 'jwks.json');
if (existsSync(keySet)) {
  process.stdout.write(`${keySet} is there already.\n`);
} else {
  const named = { kid: `demo-${randomBytes(6).toString('hex')}`, alg: 'EdDSA', use: 'sig' };
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  write(path.join(folder, 'issuer.jwk'), { ...privateKey.export({ format: 'jwk' }), ...named }, 0o600);
  write(keySet, { keys: [{ ...publicKey.export({ format: 'jwk' }), ...named }] }, 0o644);
  process.stdout.write(`Made ${keySet}.\n`);
}

function write(file, value, mode) {
  writeFileSync(`${file}.new`, `${JSON.stringify(value, null, 2)}\n`, { mode });
  renameSync(`${file}.new`, file);
}
