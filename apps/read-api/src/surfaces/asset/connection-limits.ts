import { z } from 'zod';
import type { ExportConnectionLimitsQuery, ListConnectionLimitsQuery } from '@quarterhour/contracts';
import {
  exportConnectionLimits,
  headerLine,
  listConnectionLimits,
  type ConnectionLimitKey,
  type LimitedKind,
  type Trx,
} from '@quarterhour/db';
import { parseInstant } from '@quarterhour/domain';
import type { ExportFormat, ParsedRequest, Reply } from '@quarterhour/http';
import type { ApiContext } from '../../api-context.js';
import { assertAtMost, requiredWindowOf } from '../../query-instants.js';
import { answerExport, answerPage, type AgreedList } from './agreed-list.js';
import { CONNECTION_LIMIT_PROJECTION } from './present.js';

/** What limits are asked of, and how. */
export interface LimitedThing {
  readonly operationId: string;
  readonly of: LimitedKind;
  readonly id: string;
  /** Longest window. */
  readonly days: number;
  /** @throws NotFoundError when it is not there */
  readonly assertThere: (trx: Trx) => Promise<void>;
}

type Request<Query> = Pick<ParsedRequest<unknown, Query, unknown>, 'query' | 'scope' | 'url'>;

/** One page of the limits of a site or an inverter. */
export function limitsPage(
  request: Request<ListConnectionLimitsQuery>,
  ctx: ApiContext,
  thing: LimitedThing,
): Promise<Reply> {
  return answerPage(limitsOf(thing), askedOf(request, thing), ctx);
}

/** The same as a file. */
export function limitsExport(
  request: Request<ExportConnectionLimitsQuery>,
  ctx: ApiContext,
  format: ExportFormat,
  thing: LimitedThing,
): Promise<Reply> {
  return answerExport(limitsOf(thing), askedOf(request, thing), ctx, format);
}

/** The thing is part of what the list is of, as if it were a filter: a cursor of one opens no other. */
function askedOf<Query>({ query, scope, url }: Request<Query>, { id }: LimitedThing) {
  return { query: { ...query, of: id }, scope, url };
}

const sortKeyShape = z.tuple([z.string()]);

function limitsOf({ operationId, of, id, days, assertThere }: LimitedThing) {
  const filterOf = (query: Asked) => {
    const window = requiredWindowOf(query);
    assertAtMost(window, days);
    return { of, id, ...window };
  };
  const list: AgreedList<Asked, ReturnType<typeof filterOf>, ConnectionLimitKey> = {
    operationId,
    name: 'limits',
    filterOf,
    read: async (trx, query) => {
      await assertThere(trx);
      return listConnectionLimits(trx, query, CONNECTION_LIMIT_PROJECTION);
    },
    headerLine: (format) => headerLine(CONNECTION_LIMIT_PROJECTION, format),
    readLines: (query, format) => {
      const read = exportConnectionLimits(query, CONNECTION_LIMIT_PROJECTION, format);
      return async (trx, after, limit) => {
        await assertThere(trx);
        return read(trx, after, limit);
      };
    },
    keyOf: (sortKey) => ({ startTime: parseInstant(sortKeyShape.parse(sortKey)[0]) }),
    sortKeyOf: ({ startTime }) => [startTime],
  };
  return list;
}

type Asked = Omit<ListConnectionLimitsQuery, 'limit' | 'offset'>;
