import { listReceipts, type Projection, type ReceiptColumn, type ReceiptQuery, type Trx } from '@quarterhour/db';
import { z } from 'zod';

const known = z.object({
  orgId: z.string(),
  stream: z.string(),
  messageId: z.string().nullable(),
  outcome: z.string(),
  firstReceivedAt: z.string(),
  copies: z.number().nullable(),
  quarantineId: z.string().nullable(),
  kind: z.string().nullable(),
  currentRows: z.number().nullable(),
});

/** What became of one message, without its bytes. */
export type KnownReceipt = z.infer<typeof known>;

const COLUMNS: Projection<ReceiptColumn> = [
  { name: 'orgId', column: 'org_id', as: 'text' },
  { name: 'stream', column: 'stream', as: 'text' },
  { name: 'messageId', column: 'message_id', as: 'text' },
  { name: 'outcome', column: 'outcome', as: 'text' },
  { name: 'firstReceivedAt', column: 'first_received_at', as: 'instant' },
  { name: 'copies', column: 'copies', as: 'integer' },
  { name: 'quarantineId', column: 'quarantine_id', as: 'text' },
  { name: 'kind', column: 'kind', as: 'text' },
  { name: 'currentRows', column: 'current_rows', as: 'integer' },
];

const MOST = 1000;

type Wanted =
  | Pick<Extract<ReceiptQuery, { readonly messageId: string }>, 'messageId'>
  | Pick<Extract<ReceiptQuery, { readonly plantId: string }>, 'plantId' | 'measuredAt'>;

/** Everything that is known about a message, or about the messages of an instant, oldest first. */
export async function receiptsOf(trx: Trx, wanted: Wanted): Promise<KnownReceipt[]> {
  const page = await listReceipts(trx, { ...wanted, limit: MOST }, COLUMNS);
  return z.array(known).parse(JSON.parse(page.json));
}
