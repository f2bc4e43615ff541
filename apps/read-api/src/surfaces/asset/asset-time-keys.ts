import { z } from 'zod';
import type { AssetTimeKey } from '@quarterhour/db';
import { parseInstant } from '@quarterhour/domain';
import type { Position } from '@quarterhour/http';

const sortKeyShape = z.tuple([z.string(), z.string()]);

/** How the place in a list by asset and time travels in a cursor. */
export const assetTimeKeys = {
  keyOf: (sortKey: Position['sortKey']): AssetTimeKey => {
    const [assetId, startTime] = sortKeyShape.parse(sortKey);
    return { assetId, startTime: parseInstant(startTime) };
  },
  sortKeyOf: ({ assetId, startTime }: AssetTimeKey): Position['sortKey'] => [assetId, startTime],
};
