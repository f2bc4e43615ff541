import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { DOCUMENTS_FOLDER } from './documents.js';
import { compareFacts, factsOf, type Facts, type FactsOptions } from './facts.js';

const USAGE = `npm run openapi:compare -- <surface> <file> [--keep <facts.json>]

Compares docs/openapi/<surface>.json with another OpenAPI document, YAML or JSON: operations, parameters, bodies and answers, what is
required, types, enumerations, bounds, defaults. Descriptions and examples are ignored. --keep writes down what the other one
says, for a test to compare with.
`;

/** Error schemas of the surfaces that have a contract. */
const SURFACES: Readonly<Record<string, FactsOptions>> = {
  asset: { errors: { invalid: 'HTTPValidationError', problem: 'Problem' } },
  trading: { basePath: '/api/v1/trading', errors: { error: 'Error' } },
};

const { positionals, values } = parseArgs({ allowPositionals: true, options: { keep: { type: 'string' } } });
const [surface = '', file = ''] = positionals;
const options = SURFACES[surface];
if (options === undefined || file === '') {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else {
  const { errors } = options;
  const ours = await factsIn(path.join(DOCUMENTS_FOLDER, `${surface}.json`), { errors });
  const other = await factsIn(file, options);
  if (values.keep !== undefined) await writeFile(values.keep, `${JSON.stringify(other, null, 2)}\n`);
  process.stdout.write(table(ours, other));
}

async function factsIn(name: string, options: FactsOptions): Promise<Facts> {
  return factsOf(parse(await readFile(name, 'utf8')), options);
}

function table(ours: Facts, other: Facts): string {
  const { added, missing, changed } = compareFacts(ours, other);
  const rows = [
    ...missing.map((place) => ['missing', place, other[place], '']),
    ...changed.map((place) => ['changed', place, other[place], ours[place]]),
    ...added.map((place) => ['added', place, '', ours[place]]),
  ];
  const lines = [['', 'where', 'theirs', 'ours'], ['-', '-', '-', '-'], ...rows];
  return `${lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`;
}
