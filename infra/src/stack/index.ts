export { ServerExitedError, StackError, StackInUseError } from './errors.js';
export * from './postgres-session.js';
export * from './rabbitmq-definitions.js';
export * from './reset-stack.js';
export { password } from './secrets.js';
export * from './stack.js';
export * from './start-stack.js';
