/**
 * Imports broker definitions over the HTTP API, once the broker has made its user: a broker that loads definitions while
 * it boots makes no user at all, and ours are kept without one.
 *
 * Usage: QUARTERHOUR_RABBITMQ_API_URL=http://user:password@host:15672 node import-definitions.mjs definitions.json
 */
import { readFile } from 'node:fs/promises';

const [file] = process.argv.slice(2);
const api = process.env.QUARTERHOUR_RABBITMQ_API_URL;
if (file === undefined || !api) {
  process.stderr.write('Usage: QUARTERHOUR_RABBITMQ_API_URL=... node import-definitions.mjs definitions.json\n');
  process.exit(2);
}

const url = new URL('/api/definitions', api);
const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
url.username = '';
url.password = '';
const answer = await fetch(url, {
  method: 'POST',
  headers: {
    authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
    'content-type': 'application/json',
  },
  body: await readFile(file, 'utf8'),
  signal: AbortSignal.timeout(30_000),
});
if (!answer.ok) {
  process.stderr.write(`${url.href} answered ${answer.status}: ${await answer.text()}\n`);
  process.exit(1);
}
process.stdout.write(`Imported ${file} into ${url.host}.\n`);
