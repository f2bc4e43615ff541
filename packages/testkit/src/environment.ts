/** The only place in this package that reads the environment: what `npm test` tells about the servers it started. */
export interface TestServers {
  readonly adminDatabaseUrl: string;
  /** Name of the migrated database that tests copy. */
  readonly template: string;
  /** Password of every login role of ours on that server. */
  readonly rolePassword: string;
  readonly amqpUrl: string;
  readonly rabbitmqApiUrl: string;
}

/** @throws Error when the tests were not started by the runner that starts the servers */
export function testServers(env: NodeJS.ProcessEnv = process.env): TestServers {
  return {
    adminDatabaseUrl: required(env, 'QUARTERHOUR_TEST_ADMIN_DATABASE_URL'),
    template: required(env, 'QUARTERHOUR_TEST_TEMPLATE'),
    rolePassword: required(env, 'QUARTERHOUR_TEST_ROLE_PASSWORD'),
    amqpUrl: required(env, 'QUARTERHOUR_TEST_AMQP_URL'),
    rabbitmqApiUrl: required(env, 'QUARTERHOUR_TEST_RABBITMQ_API_URL'),
  };
}

/** How partners reach the broker of a test run, and how it is told who answers for them. */
export interface TestPartnerAccess {
  /** `amqps://host:port`. */
  readonly amqpsUrl: string;
  readonly caFile: string;
  /** Takes the announcement of who answers the broker. */
  readonly relayUrl: string;
}

/** @throws Error when the broker was not started by the runner */
export function testPartnerAccess(env: NodeJS.ProcessEnv = process.env): TestPartnerAccess {
  return {
    amqpsUrl: required(env, 'QUARTERHOUR_TEST_PARTNER_AMQPS_URL'),
    caFile: required(env, 'QUARTERHOUR_TEST_PARTNER_CA_FILE'),
    relayUrl: required(env, 'QUARTERHOUR_TEST_BROKER_AUTH_URL'),
  };
}

/** What a child process needs to find its programs, and nothing that could point it at other servers. */
export function childEnvironment(
  ours: Readonly<Record<string, string>>,
  env: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  return { PATH: env['PATH'], HOME: env['HOME'], TMPDIR: env['TMPDIR'], TZ: 'UTC', ...ours };
}

function required(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name];
  if (value === undefined || value === '') {
    throw new Error(`${name} is not set: this test needs Postgres and RabbitMQ. Run npm test -- <file>.`);
  }
  return value;
}
