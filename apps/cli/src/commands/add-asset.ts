import { ASSET_TYPES, PROVIDERS } from '@quarterhour/contracts';
import { createAsset, listDevices, listOrganisations, listPlants, type PlantRow, type Trx } from '@quarterhour/db';
import { DELIVERY_AREAS, regionOfDeliveryArea, type DeliveryArea } from '@quarterhour/domain';
import { Command, Option } from 'commander';
import { adminDatabaseUrl } from '../config.js';
import type { CommandContext } from '../context.js';
import { withDatabase } from '../database.js';
import { CommandFailure } from '../failure.js';
import { organisationBySlug } from '../organisations.js';
import { plantNamed } from '../plants.js';
import { assetCode, shortText, slug } from '../values.js';

interface Options {
  readonly organisation: string;
  readonly deliveryArea: DeliveryArea;
  readonly type: string;
  readonly provider: string;
  readonly name?: string;
  readonly plant?: string;
  readonly device?: string;
}

export function addAssetCommand(ctx: CommandContext): Command {
  return new Command('add')
    .description('register an asset: the commercial unit that is dispatched; prints the id that was made for it')
    .argument('<code>', 'short code, part of the id; used again, it gets the next number', assetCode)
    .requiredOption('--organisation <slug>', 'whose it is', slug)
    .addOption(new Option('--delivery-area <area>', 'where it delivers').choices(DELIVERY_AREAS).makeOptionMandatory())
    .addOption(new Option('--type <type>', 'what it is').choices(ASSET_TYPES).makeOptionMandatory())
    .addOption(new Option('--provider <provider>', 'who operates it').choices(PROVIDERS).makeOptionMandatory())
    .option('--name <name>', 'its name for people (default: the code)', shortText)
    .option('--plant <id>', 'plant whose telemetry measures it: external id or UUID', shortText)
    .option('--device <external-id>', 'device of that plant that it is', shortText)
    .addHelpText(
      'after',
      '\nExample:\n  $ quarterhour asset add WH --organisation windhof --delivery-area 50HZ --type BESS --provider ASSET_SIMULATOR --plant WH-1',
    )
    .action(async (code: string, options: Options) => {
      const id = await withDatabase(adminDatabaseUrl(ctx.settings()), async (db) => {
        const owner = organisationBySlug(await db.read([], listOrganisations), options.organisation);
        return db.transaction([owner.id], (trx) => addAsset(trx, owner.id, code, options));
      });
      ctx.out.line(`asset ${id}`);
    });
}

async function addAsset(trx: Trx, orgId: string, code: string, options: Options): Promise<string> {
  const plant = await plantOf(trx, orgId, options);
  return createAsset(trx, {
    orgId,
    plantId: plant?.id ?? null,
    deviceId: plant === null ? null : await deviceOf(trx, plant, options.device),
    code,
    name: options.name ?? code,
    type: options.type,
    region: regionOfDeliveryArea(options.deliveryArea),
    deliveryArea: options.deliveryArea,
    provider: options.provider,
  });
}

async function plantOf(trx: Trx, orgId: string, { plant, device }: Options): Promise<PlantRow | null> {
  if (plant !== undefined) return plantNamed(await listPlants(trx), orgId, plant);
  if (device === undefined) return null;
  throw new CommandFailure('a device is one of a plant', { remedy: 'Give --plant too.' });
}

async function deviceOf(trx: Trx, plant: PlantRow, externalId: string | undefined): Promise<string | null> {
  if (externalId === undefined) return null;
  const devices = (await listDevices(trx)).filter(({ plantId }) => plantId === plant.id);
  const found = devices.find((device) => device.externalId === externalId);
  if (found !== undefined) return found.id;
  throw new CommandFailure(`plant ${plant.externalPlantId} has no device ${externalId}`, {
    remedy: devices.length === 0 ? 'It has none.' : `It has: ${devices.map((device) => device.externalId).join(', ')}.`,
  });
}
