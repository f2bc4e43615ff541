import type { TradingConfigRecord } from '@quarterhour/db';
import { defaultQueuePrefix } from '@quarterhour/domain';

/** The queue prefix that an organisation has, or gets when it is enabled without having chosen one. */
export function queuePrefixOf({ queuePrefix, slug }: Pick<TradingConfigRecord, 'queuePrefix' | 'slug'>): string {
  return queuePrefix ?? defaultQueuePrefix(slug);
}

/** Members without which trading cannot be enabled, by the names that they have in the API. */
export function missingOf({ esmApiUrl, esmClientId, hasEsmClientSecret }: TradingConfigRecord): string[] {
  const present = { esmApiUrl, esmClientId, esmClientSecret: hasEsmClientSecret ? 'sealed' : null };
  return Object.entries(present).flatMap(([name, value]) => (value === null ? [name] : []));
}
