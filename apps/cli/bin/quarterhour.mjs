#!/usr/bin/env node
import { existsSync } from 'node:fs';

const main = new URL('../dist/main.js', import.meta.url);
if (!existsSync(main)) {
  process.stderr.write('quarterhour is not built yet: run "npm run build" (or "npm start") in the checkout first.\n');
  process.exit(1);
}
await import(main.href);
