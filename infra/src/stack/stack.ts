import type { PartnerAccess } from './partner-access.js';
import type { ProcessRecord } from './processes.js';
import type { Run } from './run-file.js';

/** `demo` keeps its data and loses none of it; `test` is fast, private to one run and deleted with it. */
export type Purpose = 'demo' | 'test';

export interface DatabaseServer {
  /** As an administrator, of the database `quarterhour` or of the one that was given. */
  readonly adminUrl: string;
  /** Where it was found, for people: `given`, `container postgres:18`, `local 18.4 (npm)`. */
  readonly source: string;
  readonly version: string;
}

export interface BrokerServer {
  /** With the virtual host in the path. */
  readonly amqpUrl: string;
  /** Of the HTTP API, with user and password. */
  readonly apiUrl: string;
  /** Undefined for a broker that was given: whoever runs it lets partners in. */
  readonly partners: PartnerAccess | undefined;
  readonly source: string;
  readonly version: string;
}

/** Postgres and RabbitMQ, running, reachable and ours. */
export interface Stack {
  readonly database: DatabaseServer;
  readonly broker: BrokerServer;
  /** Where data, logs and secrets of this run are. */
  readonly folder: string;
  /** The same for people, a line each. */
  describe(): string[];
  /** Has a process end with the servers, before them, however this process ends. */
  record(process: ProcessRecord): Promise<void>;
  /** Stops what was started and leaves alone what was given. May be called twice. */
  stop(): Promise<void>;
}

/** What starting one server needs to know. */
export interface StartOptions {
  readonly folder: string;
  readonly purpose: Purpose;
  readonly run: Run;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal | undefined;
}
