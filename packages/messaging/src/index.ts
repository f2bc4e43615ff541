export { keepBrokerCertificate } from './broker-certificate.js';
export type { BrokerCertificate, BrokerCertificateOptions } from './broker-certificate.js';
export { openBroker } from './broker.js';
export type { Broker, BrokerOptions, BrokerState } from './broker.js';
export type { ConnectionState } from './connection.js';
export type { ConsumeOptions, Consumer, ConsumerState } from './consumer.js';
export type { AmqpDelivery, AmqpProperties, DeliveryTag } from './delivery.js';
export {
  BrokerApiError,
  BrokerClosedError,
  BrokerRefusedError,
  BrokerUnreachableError,
  ConfirmLostError,
  InvalidBrokerUrlError,
  MessagingError,
  PublishRefusedError,
  TopologyMismatchError,
  UnroutableError,
} from './errors.js';
export { definitionsOf } from './definitions.js';
export type { ImportableDefinitions } from './definitions.js';
export { resumeIntake, stopIntake } from './partner-intake.js';
export type { QueueDepth } from './topology.js';
export type { OutgoingMessage, Publisher, PublisherOptions, PublisherState } from './publisher.js';
export { rabbitApi } from './rabbit-api.js';
export type {
  ConnectionStatus,
  Definitions,
  Overview,
  Permissions,
  QueueStatus,
  RabbitApi,
  RabbitApiOptions,
} from './rabbit-api.js';
export { BROKER_EVENTS } from './reporting.js';
export type { BrokerEvent, Log } from './reporting.js';
