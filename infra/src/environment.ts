/** The only place below `infra` that reads the environment. Empty values count as not set. */
export interface StackEnvironment {
  /** A given Postgres, as an administrator: `QUARTERHOUR_DATABASE_URL`. */
  readonly databaseUrl: string | undefined;
  /** A given RabbitMQ with its virtual host in the path: `QUARTERHOUR_AMQP_URL`. */
  readonly amqpUrl: string | undefined;
  /** HTTP API of the given RabbitMQ: `QUARTERHOUR_RABBITMQ_API_URL`. */
  readonly rabbitmqApiUrl: string | undefined;
  /** Folder of `postgres` and `initdb` to use: `QUARTERHOUR_PG_BIN`. */
  readonly postgresBin: string | undefined;
  /** Folder of `rabbitmq-server` to use, or `download`: `QUARTERHOUR_RABBITMQ_BIN`. */
  readonly rabbitmqBin: string | undefined;
  /** Where the container engine is, when it is not on this machine: `DOCKER_HOST`. */
  readonly dockerHost: string | undefined;
  /** Folders to look for programs in. */
  readonly searchPath: readonly string[];
}

export function readStackEnvironment(env: NodeJS.ProcessEnv = process.env): StackEnvironment {
  return {
    databaseUrl: env['QUARTERHOUR_DATABASE_URL'] || undefined,
    amqpUrl: env['QUARTERHOUR_AMQP_URL'] || undefined,
    rabbitmqApiUrl: env['QUARTERHOUR_RABBITMQ_API_URL'] || undefined,
    postgresBin: env['QUARTERHOUR_PG_BIN'] || undefined,
    rabbitmqBin: env['QUARTERHOUR_RABBITMQ_BIN'] || undefined,
    dockerHost: env['DOCKER_HOST'] || undefined,
    searchPath: (env['PATH'] ?? '').split(':').filter((folder) => folder !== ''),
  };
}

/** The broker that a program of ours is told to use. @throws TypeError when it is not told */
export function readAmqpUrl(env: NodeJS.ProcessEnv = process.env): string {
  const { amqpUrl } = readStackEnvironment(env);
  if (amqpUrl === undefined) throw new TypeError('QUARTERHOUR_AMQP_URL names the broker');
  return amqpUrl;
}

/** Environment for a program of ours: everything but `QUARTERHOUR_…`, which would point it at other servers. */
export function environmentWith(
  ours: Readonly<Record<string, string>>,
  env: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  const foreign = Object.entries(env).filter(([name]) => !name.startsWith('QUARTERHOUR_'));
  return { ...Object.fromEntries(foreign), ...ours };
}

/** Environment for a server: nothing inherited but where programs are, so that no setting of the user's leaks in. */
export function serverEnvironment(
  ours: Readonly<Record<string, string>>,
  env: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  const locale = process.platform === 'darwin' ? 'en_US.UTF-8' : 'C.UTF-8';
  return { PATH: env['PATH'], TMPDIR: env['TMPDIR'], LANG: locale, LC_ALL: locale, TZ: 'UTC', ...ours };
}
