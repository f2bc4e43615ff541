import { systemClock } from '@quarterhour/runtime';
import { readSettings, type Settings } from './config.js';
import { run } from './program.js';

let settings: Settings | undefined;

/** Whoever read our output has seen enough, as `head` does. */
process.stdout.once('error', () => process.exit());

process.exitCode = await run(process.argv.slice(2), {
  out: {
    line: (text) => process.stdout.write(`${text}\n`),
    remark: (text) => process.stderr.write(`${text}\n`),
  },
  clock: systemClock,
  settings: () => (settings ??= readSettings()),
});
