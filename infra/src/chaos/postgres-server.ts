import { readdir, readFile, readlink, realpath } from 'node:fs/promises';
import path from 'node:path';
import { sleep } from '@quarterhour/runtime';
import { hasCode } from '../stack/errors.js';
import type { PostgresBinaries } from '../stack/postgres-binaries.js';
import { startPostgres } from '../stack/postgres-cluster.js';
import type { ServerUser } from '../stack/server-user.js';
import type { StartOptions } from '../stack/stack.js';
import { TcpProxy } from './tcp-proxy.js';

const START_ATTEMPTS = 20;
const BETWEEN_ATTEMPTS_MS = 500;
const POLL_MS = 20;

/** One Postgres that may be killed and started again. Its URL stays, because it leads through a door of ours. */
export class PostgresServer {
  readonly #launch: () => Promise<string>;
  readonly #data: string;
  readonly #door: TcpProxy;
  readonly #at: { url: URL };

  private constructor(launch: () => Promise<string>, data: string, door: TcpProxy, at: { url: URL }) {
    this.#launch = launch;
    this.#data = data;
    this.#door = door;
    this.#at = at;
  }

  static async start(
    binaries: PostgresBinaries,
    user: ServerUser | undefined,
    secret: string,
    options: StartOptions,
  ): Promise<PostgresServer> {
    const launch = async () => (await startPostgres(binaries, user, secret, options)).adminUrl;
    const at = { url: new URL(await launch()) };
    const door = await TcpProxy.listen({ targets: () => [Number(at.url.port)] });
    return new PostgresServer(launch, path.join(options.folder, 'postgres'), door, at);
  }

  /** As an administrator, of the server's first database. */
  get adminUrl(): string {
    const url = new URL(this.#at.url);
    url.port = String(this.#door.port);
    return url.href;
  }

  /** Where it listens at present, for proxies. */
  get port(): number {
    return Number(this.#at.url.port);
  }

  /** Kills the server with all its processes. Those make sessions of their own, so they are found by where they work. */
  async kill(): Promise<void> {
    for (let pids = await this.#pids(); pids.length > 0; pids = await this.#pids()) {
      for (const pid of pids) killUnlessGone(pid);
      await sleep(POLL_MS);
    }
  }

  /** Starts the killed server again. It may find the memory of the dead one still held for a moment. */
  async restart(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        this.#at.url = new URL(await this.#launch());
        return;
      } catch (error) {
        if (attempt === START_ATTEMPTS) throw error;
        await this.kill();
        await sleep(BETWEEN_ATTEMPTS_MS);
      }
    }
  }

  close(): Promise<void> {
    return this.#door.close();
  }

  async #pids(): Promise<number[]> {
    if (process.platform !== 'linux') return this.#postmaster();
    const data = await realpath(this.#data);
    const numbers = (await readdir('/proc')).map(Number).filter((pid) => Number.isInteger(pid) && pid > 1);
    const inData = await Promise.all(
      numbers.map(async (pid) => ((await readlink(`/proc/${pid}/cwd`).catch(() => '')) === data ? [pid] : [])),
    );
    return inData.flat();
  }

  /** Elsewhere the others notice by themselves that their parent is gone. */
  async #postmaster(): Promise<number[]> {
    const text = await readFile(path.join(this.#data, 'postmaster.pid'), 'utf8').catch(() => '');
    const pid = Number.parseInt(text, 10);
    return pid > 1 && isAlive(pid) ? [pid] : [];
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function killUnlessGone(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error;
  }
}
