import type { StreamName } from '@quarterhour/contracts';
import type { Stream } from '../stream.js';
import { assetStatusStream } from './asset-status.js';
import { commandAnswerStream } from './command-answer.js';
import { deadLetterStream } from './dead-letter.js';
import { dispatchStream } from './dispatch.js';
import { partnerCommandStream } from './partner-command.js';
import { plantTelemetryStream } from './plant-telemetry.js';
import { tradingConfigStream } from './trading-config.js';

/** Does something with a stream that is known by its name only, whatever its facts are. */
export function withStream<T>(name: StreamName, use: <Fact>(stream: Stream<Fact>) => T): T {
  switch (name) {
    case 'dispatch':
      return use(dispatchStream);
    case 'plant-telemetry':
      return use(plantTelemetryStream);
    case 'trading-config':
      return use(tradingConfigStream);
    case 'asset-status':
      return use(assetStatusStream);
    case 'partner-command':
      return use(partnerCommandStream);
    case 'command-answer':
      return use(commandAnswerStream);
    case 'dead-letter':
      return use(deadLetterStream);
  }
}
