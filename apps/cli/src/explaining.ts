import { NotOursError, NotReadyError, UnsuitableDatabaseError } from '@quarterhour/db';
import { MessagingError } from '@quarterhour/messaging';
import { ConfigError, KeyRingError } from '@quarterhour/runtime';
import { CommandFailure } from './failure.js';
import { printable } from './printing.js';

/** One line for the user about why a command failed: what, and how to go on. */
export function explained(error: unknown): string {
  const { what, remedy } = explanationOf(error);
  const sentence = what.split('\n').map(printable).join('\n');
  return remedy === undefined ? `error: ${sentence}.` : `error: ${sentence}. ${printable(remedy)}`;
}

function explanationOf(error: unknown): { what: string; remedy?: string | undefined } {
  if (error instanceof CommandFailure) return { what: error.message, remedy: error.remedy };
  if (error instanceof ConfigError) {
    return {
      what: error.complaints.join('; '),
      remedy:
        'Run "npm start" in the checkout and leave it running, or set the variable. --verbose says where settings come from.',
    };
  }
  if (error instanceof NotOursError) {
    return { what: error.message, remedy: 'Name an empty database; nothing was changed.' };
  }
  if (error instanceof KeyRingError) return { what: error.message, remedy: 'Nothing was changed.' };
  if (error instanceof UnsuitableDatabaseError || error instanceof NotReadyError) return { what: error.message };
  if (error instanceof MessagingError) return { what: error.message, remedy: BROKER_REMEDIES[error.code] };
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { what, remedy: 'This was not foreseen; --verbose shows where it happened.' };
}

const BROKER_REMEDIES: Readonly<Record<string, string>> = {
  BROKER_URL: 'Check QUARTERHOUR_AMQP_URL.',
  BROKER_REFUSED: 'Check user, password and virtual host in QUARTERHOUR_AMQP_URL.',
  BROKER_UNREACHABLE: 'Is RabbitMQ running? "npm start" starts the local one.',
  UNROUTABLE:
    'Check exchange and routing key; the queue of a new partner is declared by "quarterhour organisation enable".',
  PUBLISH_REFUSED: 'Is the queue full? "quarterhour organisation list" and the broker say whose it is.',
};
