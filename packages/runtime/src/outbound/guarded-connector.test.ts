import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { buildConnector } from 'undici';
import { guardedConnector, type ConnectorOptions } from './guarded-connector.js';
import { OutboundError } from './outbound-error.js';

/** Listens on every address of this machine, and counts who gets through. */
let trap: Server;
let hits: number;
let port: number;
const open: Socket[] = [];
beforeEach(async () => {
  hits = 0;
  trap = createServer((socket) => {
    hits += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => trap.listen(0, '::', resolve));
  const address = trap.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
});
afterEach(async () => {
  for (const socket of open.splice(0)) socket.destroy();
  await new Promise((resolve) => trap.close(resolve));
});

type Options = Partial<ConnectorOptions> & { readonly testOrigins?: readonly string[] };

/** What becomes of a connection to an origin: the address that it leads to, or the code of the refusal. */
async function reach(origin: string, { testOrigins = [], ...options }: Options = {}): Promise<string> {
  const url = new URL(origin);
  const connect = guardedConnector({
    rules: { ownHosts: ['198.41.0.4'], testOrigins },
    connectTimeoutMs: 1_000,
    ...options,
  });
  return new Promise((resolve) => {
    const { hostname, host, protocol } = url;
    connect({ hostname, host, protocol, port: url.port }, (error, socket) => {
      if (error === null) {
        open.push(socket);
        return resolve(socket.remoteAddress ?? 'nowhere');
      }
      expect(error).toBeInstanceOf(OutboundError);
      resolve(error instanceof OutboundError ? `${error.code} ${error.mayHaveArrived}` : 'another error');
    });
  });
}

const REFUSED = 'ESM_URL_NOT_ALLOWED false';

/** As people write the inside to get past filters. */
const HOSTILE = [
  '127.0.0.1',
  '127.255.255.254',
  '2130706433',
  '017700000001',
  '0177.0.0.1',
  '0x7f000001',
  '0x7f.0x0.0x0.0x1',
  '0x7f.0.0.01',
  '127.1',
  '127.0.1',
  '0',
  '0.0.0.0',
  '127.0.0.1.',
  '１２７.０.０.１',
  '①②⑦.⓪.⓪.①',
  '127。0。0。1',
  '10.0.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '100.64.0.1',
  '169.254.169.254',
  '2852039166',
  '[::1]',
  '[0000:0000:0000:0000:0000:0000:0000:0001]',
  '[::]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::127.0.0.1]',
  '[64:ff9b::127.0.0.1]',
  '[2002:7f00:1::1]',
  '[2001:0:7f00:1::1]',
  '[fe80::1]',
  '[fc00::1]',
  '[fd00:ec2::254]',
  '[::ffff:a9fe:a9fe]',
  '224.0.0.1',
  '255.255.255.255',
  '168.63.129.16',
  '198.41.0.4',
];

describe('the connector', () => {
  test.each(HOSTILE)('does not connect to %s', async (host) => {
    expect(await reach(`http://${host}:${port}`)).toBe(REFUSED);
    expect(hits).toBe(0);
  });

  test.each([
    ['localhost', undefined],
    ['metadata.google.internal', ['169.254.169.254']],
    ['rebound.example', ['127.0.0.1']],
    ['mapped.example', ['::ffff:127.0.0.1']],
    ['one-of-two.example', ['93.184.215.14', '127.0.0.1']],
    ['one-of-three.example', ['2606:4700:4700::1111', '93.184.215.14', 'fd00::1']],
    ['ours.example', ['198.41.0.4']],
    ['odd.example', ['127.1']],
  ])('does not connect to %s, which leads to %j', async (host, addresses) => {
    const resolve = addresses === undefined ? {} : { resolve: () => Promise.resolve(addresses) };
    expect(await reach(`http://${host}:${port}`, resolve)).toBe(REFUSED);
    expect(hits).toBe(0);
  });

  test('asks once where a name leads, and connects to what it was told then', async () => {
    const answers = [['93.184.215.14'], ['127.0.0.1']];
    let asked = 0;
    const dialled: string[] = [];
    const dial: buildConnector.connector = ({ hostname, servername }, callback) => {
      dialled.push(`${hostname} as ${servername}`);
      callback(new Error('the network is away'), null);
    };
    const resolve = () => Promise.resolve(answers[asked++] ?? []);
    expect(await reach(`https://rebinding.example`, { resolve, dial })).toBe('ESM_UNREACHABLE false');
    expect([asked, dialled]).toEqual([1, ['93.184.215.14 as rebinding.example']]);
  });

  test('hangs up on whoever answers from another address', async () => {
    const dial = buildConnector({});
    const diverted: buildConnector.connector = (wanted, callback) =>
      dial({ ...wanted, hostname: '127.0.0.1', port: String(port) }, callback);
    const resolve = () => Promise.resolve(['93.184.215.14']);
    expect(await reach('http://diverted.example', { resolve, dial: diverted })).toBe(REFUSED);
  });

  test('tries the next address of a name that has several', async () => {
    const dial: buildConnector.connector = ({ hostname }, callback) => callback(new Error(hostname), null);
    const dialled: string[] = [];
    const noting: buildConnector.connector = (wanted, callback) => {
      dialled.push(wanted.hostname);
      dial(wanted, callback);
    };
    const resolve = () => Promise.resolve(['2606:4700:4700::1111', '93.184.215.14', '93.184.215.15', '93.184.215.16']);
    await reach('https://several.example', { resolve, dial: noting });
    expect(dialled).toEqual(['93.184.215.14', '93.184.215.15', '93.184.215.16']);
  });

  test.each([
    ['nobody knows', () => Promise.reject(new Error('ENOTFOUND'))],
    ['has no address', () => Promise.resolve([])],
    ['is never answered for', () => new Promise<string[]>(() => undefined)],
  ])('cannot reach a name that %s', async (_what, resolve) => {
    expect(await reach('https://unknown.example', { resolve, connectTimeoutMs: 50 })).toBe('ESM_UNREACHABLE false');
  });

  test('asks once for a name that many connections wait for, and again when that is over', async () => {
    let asked = 0;
    const pending: ((addresses: string[]) => void)[] = [];
    const connect = guardedConnector({
      rules: { ownHosts: [], testOrigins: [] },
      connectTimeoutMs: 1_000,
      resolve: () => {
        asked += 1;
        return new Promise((resolve) => pending.push(resolve));
      },
    });
    const wanted = { hostname: 'slow.example', host: 'slow.example', protocol: 'https:', port: '' };
    const ended = () => new Promise<void>((resolve) => connect(wanted, () => resolve()));
    const all = Promise.all([ended(), ended(), ended(), ended()]);
    expect(asked).toBe(1);
    pending[0]?.(['127.0.0.1']);
    await all;
    const again = ended();
    expect(asked).toBe(2);
    pending[1]?.(['127.0.0.1']);
    await again;
  });

  test('goes wherever an operator says for tests, and nowhere else', async () => {
    const testOrigins = [`http://127.0.0.1:${port}`];
    expect(await reach(`http://2130706433:${port}`, { testOrigins })).toBe('127.0.0.1');
    expect(await reach(`http://127.0.0.2:${port}`, { testOrigins })).toBe(REFUSED);
    expect(await reach(`https://127.0.0.1:${port}`, { testOrigins })).toBe(REFUSED);
  });
});
