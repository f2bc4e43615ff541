import { FaultError, type Received } from '../received.js';
import { PRECIOUS, type Stream } from '../stream.js';
import { understanding } from '../understanding.js';

/** A command or schedule of a partner, ready to be kept. */
export interface PartnerCommandFact {
  readonly orgId: string;
}

/** Commands and schedules of partners. */
export const partnerCommandStream: Stream<PartnerCommandFact> = {
  name: 'partner-command',
  limits: PRECIOUS,
  ownerOf: ({ owner }) => owner ?? null,
  receive: (delivery): Received<PartnerCommandFact> =>
    understanding(delivery, () => {
      throw new FaultError('syntax', null, 'commands are not taken yet');
    }),
  partitionDays: () => [],
  prepare: () => ({ store: () => Promise.resolve([]) }),
};
