import { plantAnswer, type PlantAnswer } from '@quarterhour/contracts';
import { NO_ORGANISATION } from '@quarterhour/db';
import { contentHash, refuseInexactNumbers } from '../canonical.js';
import { decode } from '../decode.js';
import type { Delivery } from '../delivery.js';
import { FaultError, type ReceiveContext, type Received } from '../received.js';
import { shaped } from '../shape.js';
import { PRECIOUS, type Stream } from '../stream.js';
import { textOf, understanding } from '../understanding.js';

/** What a plant did with a command, ready to be kept. */
export interface CommandAnswerFact {
  readonly orgId: string;
  readonly plantId: string;
  readonly answer: PlantAnswer;
  readonly contentSha256: Buffer;
  readonly body: Buffer;
}

/** Answers of plant gateways to the commands that they were sent. */
export const commandAnswerStream: Stream<CommandAnswerFact> = {
  name: 'command-answer',
  limits: PRECIOUS,
  ownerOf: ({ routingKey }, register) => register.plant(plantNamedBy(routingKey))?.orgId ?? null,
  receive,
  partitionDays: () => [],
  prepare: () => ({ store: () => Promise.reject(new Error('answers are not kept yet')) }),
};

function receive(delivery: Delivery, { register }: ReceiveContext): Received<CommandAnswerFact> {
  return understanding(delivery, (claims) => {
    const named = plantNamedBy(delivery.routingKey);
    const plant = register.plant(named);
    claims.orgId = plant?.orgId ?? NO_ORGANISATION;
    const { value, longestNumber } = decode(delivery, PRECIOUS.bodyBytes);
    claims.messageId = textOf(value['commandId']);
    const answer = shaped(plantAnswer, value);
    refuseInexactNumbers(longestNumber);
    if (answer.plantId !== named.toLowerCase()) {
      throw new FaultError('schema', 'plantId', 'the plant is not the one that the routing key names');
    }
    if (plant === undefined) {
      throw new FaultError('unknown_plant', 'plantId', 'no plant has that id', `plant ${answer.plantId}`);
    }
    return {
      orgId: plant.orgId,
      plantId: plant.id,
      answer,
      contentSha256: contentHash(value),
      body: delivery.body,
    };
  });
}

function plantNamedBy(routingKey: string): string {
  return routingKey.replace(/^answer\./, '');
}
