import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { QUEUES } from '@quarterhour/contracts';
import { loadRegister, type RegisterRows } from '@quarterhour/db';
import { Register } from '@quarterhour/ingestion';
import { ConfirmLostError, type Publisher } from '@quarterhour/messaging';
import { sleep } from '@quarterhour/runtime';
import { Command, Option } from 'commander';
import { v7 as uuidv7 } from 'uuid';
import { arrivalsOf, destinationOf, roleToSee, type Arrival, type Destination } from '../arrival.js';
import { withBroker } from '../broker.js';
import { brokerUrl, ingestDatabaseUrl, readApiUrl, readDatabaseUrl } from '../config.js';
import type { CommandContext } from '../context.js';
import { withDatabase } from '../database.js';
import {
  EXAMPLES,
  configExample,
  dispatchExample,
  meterExample,
  statusExample,
  telemetryExample,
  type Example,
} from '../examples.js';
import { CommandFailure } from '../failure.js';
import type { Message } from '../message.js';
import { defaultOrganisation, everything, organisationBySlug, slugsById } from '../organisations.js';
import { plantNamed } from '../plants.js';
import { fields, printable } from '../printing.js';
import { shortText, slug, wholeNumber } from '../values.js';

const POLL_MS = 150;
const COPY_GRACE_MS = 3_000;
const SECOND_MS = 1_000;

interface Options {
  readonly example?: Example;
  readonly file?: string;
  readonly exchange?: string;
  readonly key?: string;
  readonly organisation?: string;
  readonly plant?: string;
  readonly asset?: string;
  readonly follow: boolean;
  readonly within: number;
}

export function publishMessageCommand(ctx: CommandContext): Command {
  return new Command('publish')
    .description('send one message with a confirm, as a partner would, and show where it went')
    .addOption(new Option('--example <kind>', 'a valid message of this kind, made now').choices(EXAMPLES))
    .addOption(new Option('--file <path>', 'the body to send instead, - for standard input').conflicts('example'))
    .option('--exchange <name>', 'where to send the file', shortText)
    .option('--key <routing-key>', 'the routing key to send it under', shortText)
    .option('--organisation <slug>', 'who sends the example (default: demo, else the only one)', slug)
    .option(
      '--plant <id>',
      'plant of the example: external id or UUID (default: one that an asset stands for)',
      shortText,
    )
    .option('--asset <id>', "asset of the example (default: the plant's, else the first)", shortText)
    .option('--within <seconds>', 'how long to wait for it to be stored', wholeNumber(1, 600), 20)
    .option('--no-follow', 'do not wait: end when the broker has it')
    .addHelpText(
      'after',
      `
Examples:
  $ quarterhour publish --example telemetry
  $ quarterhour publish --example config
  $ quarterhour publish --file body.json --exchange dispatch --key dispatch.DE_50HZ_WH_1
  $ quarterhour publish --file paused.json --exchange trading --key trading.config.paused`,
    )
    .action(async (options: Options) => {
      const rows = await withDatabase(ingestDatabaseUrl(ctx.settings()), loadRegister);
      const message = await messageOf(ctx, rows, options);
      const destination = destinationOf(message, { register: new Register(rows), nowMillis: ctx.clock.nowMillis() });
      const before = destination === null ? [] : await arrivals(ctx, rows, message, destination);
      await publish(ctx, message);
      if (!options.follow) return;
      if (destination === null) {
        throw new CommandFailure(`the ingest worker takes nothing from exchange ${message.exchange}`, {
          remedy: 'The broker has the message; --no-follow does not wait for more.',
        });
      }
      const arrived = await follow(ctx, rows, { message, destination, before, withinMs: options.within * SECOND_MS });
      report(ctx, rows, arrived);
    });
}

function messageOf(ctx: CommandContext, rows: RegisterRows, options: Options): Promise<Message> | Message {
  if (options.example !== undefined) return exampleMessage(ctx, rows, options.example, options);
  if (options.file !== undefined) return fileMessage(options.file, options);
  throw new CommandFailure('nothing to send', {
    remedy: 'Give --example telemetry, or --file with --exchange and --key.',
  });
}

async function fileMessage(file: string, { exchange, key }: Options): Promise<Message> {
  if (exchange === undefined || key === undefined) {
    throw new CommandFailure('a file needs --exchange and --key', {
      remedy: 'For example: --exchange dispatch --key dispatch.DE_50HZ_WH_1.',
    });
  }
  const body = file === '-' ? await buffer(process.stdin) : await bytesOf(file);
  return { exchange, routingKey: key, messageId: uuidv7(), body };
}

async function bytesOf(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new CommandFailure(`${file} cannot be read`, { remedy: 'Check the path.', cause });
  }
}

function exampleMessage(ctx: CommandContext, rows: RegisterRows, example: Example, options: Options): Message {
  const owner =
    options.organisation === undefined
      ? defaultOrganisation(rows.organisations)
      : organisationBySlug(rows.organisations, options.organisation);
  if (example === 'dispatch') {
    return dispatchExample(assetFor(rows, owner.id, options), ctx.clock.nowMillis(), uuidv7());
  }
  if (example === 'status') {
    return statusExample(assetFor(rows, owner.id, options), ctx.clock.nowInstantText(), uuidv7());
  }
  if (owner.queuePrefix === null) {
    throw new CommandFailure(`organisation ${owner.slug} has no queue prefix`, {
      remedy: 'It publishes nothing itself; choose another by --organisation.',
    });
  }
  const plantId = plantFor(rows, owner.id, options);
  return PARTNER_EXAMPLES[example](owner.queuePrefix, plantId, ctx.clock.nowInstantText(), uuidv7());
}

const PARTNER_EXAMPLES = { telemetry: telemetryExample, meter: meterExample, config: configExample };

function plantFor({ plants, assets }: RegisterRows, orgId: string, { plant, organisation }: Options): string {
  const own = plants.filter((candidate) => candidate.orgId === orgId);
  if (plant !== undefined) return plantNamed(own, orgId, plant).id;
  const stoodFor = assets.find((asset) => asset.orgId === orgId && asset.plantId !== null)?.plantId;
  const found = stoodFor ?? own[0]?.id;
  if (found !== undefined) return found;
  throw new CommandFailure('the organisation has no plant', {
    remedy: `Register one: quarterhour plant add ID --organisation ${organisation ?? 'demo'}.`,
  });
}

function assetFor({ plants, assets }: RegisterRows, orgId: string, { plant, asset, organisation }: Options): string {
  const own = assets.filter((candidate) => candidate.orgId === orgId);
  if (asset !== undefined) {
    if (own.some(({ id }) => id === asset)) return asset;
    throw new CommandFailure(`the organisation has no asset ${asset}`, {
      remedy: '"quarterhour asset list" shows them.',
    });
  }
  const plantId = plant === undefined ? undefined : plantNamed(plants, orgId, plant).id;
  const found = own.find((candidate) =>
    plantId === undefined ? candidate.plantId !== null : candidate.plantId === plantId,
  );
  const chosen = found ?? (plantId === undefined ? own[0] : undefined);
  if (chosen !== undefined) return chosen.id;
  throw new CommandFailure(plantId === undefined ? 'the organisation has no asset' : 'no asset stands for that plant', {
    remedy: `Register one: quarterhour asset add CODE --organisation ${organisation ?? 'demo'} ...`,
  });
}

async function publish(ctx: CommandContext, message: Message): Promise<void> {
  const begun = ctx.clock.monotonicMillis();
  await withBroker(brokerUrl(ctx.settings()), (broker) => confirmed(broker.publisher(), message));
  const millis = Math.round(ctx.clock.monotonicMillis() - begun);
  ctx.out.line(`Published, and confirmed by the broker after ${millis} ms:`);
  for (const line of fields({
    exchange: message.exchange,
    'routing key': message.routingKey,
    'message id': message.messageId,
    size: `${message.body.length} bytes`,
  })) {
    ctx.out.line(line);
  }
}

/** A confirm that got lost says nothing: the same message is sent again, and stored once. */
async function confirmed(publisher: Publisher, message: Message, attempts = 3): Promise<void> {
  try {
    await publisher.publish(message);
  } catch (error) {
    if (!(error instanceof ConfirmLostError) || attempts === 1) throw error;
    await confirmed(publisher, message, attempts - 1);
  }
}

interface Followed {
  readonly message: Message;
  readonly destination: Destination;
  /** What copies of the message had become before it was sent. */
  readonly before: readonly Arrival[];
  readonly withinMs: number;
}

async function follow(ctx: CommandContext, rows: RegisterRows, followed: Followed): Promise<Arrival> {
  const { message, destination, before, withinMs } = followed;
  const known = new Set(before.map(({ mark }) => mark));
  const [standing] = before;
  const deadline = ctx.clock.monotonicMillis() + (standing === undefined ? withinMs : COPY_GRACE_MS);
  while (ctx.clock.monotonicMillis() < deadline) {
    const found = await arrivals(ctx, rows, message, destination);
    const fresh = found.find(({ mark }) => !known.has(mark));
    if (fresh !== undefined) return fresh;
    await sleep(POLL_MS);
  }
  if (standing !== undefined) return { ...standing, title: `${standing.title} before; this copy changes nothing` };
  throw new CommandFailure(`the message is with the broker but was not stored within ${withinMs / SECOND_MS} s`, {
    remedy: `Is the ingest worker running? It will be stored when it is; until then it waits in a queue such as ${QUEUES.dispatch}.`,
  });
}

function arrivals(
  ctx: CommandContext,
  { organisations }: RegisterRows,
  message: Message,
  destination: Destination,
): Promise<Arrival[]> {
  return withDatabase(readDatabaseUrl(ctx.settings()), (db) =>
    db.read(everything(organisations), (trx) => arrivalsOf(trx, message, destination)),
  );
}

function report(ctx: CommandContext, { organisations }: RegisterRows, arrived: Arrival): void {
  const owner = slugsById(organisations).get(arrived.orgId);
  ctx.out.line(`${arrived.title}:`);
  for (const line of fields({ organisation: owner ?? null, ...arrived.fields })) ctx.out.line(line);
  const token = ['npx quarterhour token', owner && `--organisation ${owner}`, `--role ${roleToSee(arrived)}`]
    .filter(Boolean)
    .join(' ');
  const url = printable(`${readApiUrl(ctx.settings())}${arrived.path}`);
  ctx.out.line('Over HTTP:');
  ctx.out.line(`  curl -s -w '\\n' -H "Authorization: Bearer $(${token})" '${url}'`);
}
