import { z } from 'zod';

/** What an OpenAPI document says, place by place: `GET /config 200.status` is `string, enum [ENABLED, DISABLED], required`. */
export type Facts = Readonly<Record<string, string>>;

const node = z.record(z.string(), z.unknown());
type Node = z.infer<typeof node>;

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
/** What of a schema is a fact: descriptions are not, and beside a format its pattern says the same again. */
const KEYWORDS = [
  'format',
  'enum',
  'minimum',
  'exclusiveMinimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'uniqueItems',
  'default',
];

/** What of a document is looked at beside its operations. */
export interface FactsOptions {
  /** What paths begin with that is left out. */
  readonly basePath?: string;
  /** Schemas of errors, by what their places begin with. */
  readonly errors: Readonly<Record<string, string>>;
}

/** The facts of a document: operations, parameters, bodies, answers and the statuses of refusals, and the shapes of errors. */
export function factsOf(document: unknown, { basePath = '', errors }: FactsOptions): Facts {
  const root = node.parse(document);
  const reader = createReader(root);
  const facts: [string, string][] = [];
  for (const [path, item] of Object.entries(node.parse(root['paths']))) {
    const shared = node.parse(item);
    for (const method of METHODS.filter((name) => name in shared)) {
      const operation = node.parse(shared[method]);
      const place = `${method.toUpperCase()} ${path.slice(basePath.length)}`;
      facts.push([place, 'operation']);
      facts.push(...parametersOf(reader, place, [shared['parameters'], operation['parameters']]));
      facts.push(...contentOf(reader, `${place} body`, operation['requestBody']));
      for (const [status, answer] of Object.entries(node.parse(operation['responses']))) {
        facts.push([`${place} ${status}`, 'answer']);
        if (status.startsWith('2')) facts.push(...contentOf(reader, `${place} ${status}`, answer));
      }
    }
  }
  for (const [place, name] of Object.entries(errors)) {
    facts.push(...schemaOf(reader, place, { $ref: `#/components/schemas/${name}` }));
  }
  return Object.fromEntries(facts.toSorted(([left], [right]) => (left < right ? -1 : 1)));
}

/** How two documents differ, place by place. */
export interface Differences {
  /** What only ours says. */
  readonly added: readonly string[];
  /** What only the other says. */
  readonly missing: readonly string[];
  /** What both say, each in its own way. */
  readonly changed: readonly string[];
}

export function compareFacts(ours: Facts, other: Facts): Differences {
  return {
    added: Object.keys(ours).filter((place) => other[place] === undefined),
    missing: Object.keys(other).filter((place) => ours[place] === undefined),
    changed: Object.keys(ours).filter((place) => other[place] !== undefined && other[place] !== ours[place]),
  };
}

type Reader = (value: unknown) => Node;

/** Follows references. */
function createReader(root: Node): Reader {
  const follow: Reader = (value) => {
    const found = node.parse(value);
    const reference = found['$ref'];
    if (typeof reference !== 'string') return found;
    const steps = reference.replace('#/', '').split('/');
    return follow(steps.reduce<unknown>((at, step) => node.parse(at)[step], root));
  };
  return follow;
}

function parametersOf(read: Reader, place: string, lists: readonly unknown[]): [string, string][] {
  return lists
    .flatMap((list) => z.array(z.unknown()).parse(list ?? []))
    .map((parameter) => {
      const { name, in: part, required, schema } = read(parameter);
      const isNeeded = required === true;
      return [`${place} ${String(part)} ${String(name)}`, summaryOf(read(schema), isNeeded)];
    });
}

function contentOf(read: Reader, place: string, described: unknown): [string, string][] {
  if (described === undefined) return [];
  const { content } = read(described);
  if (content === undefined) return [];
  return schemaOf(read, place, node.parse(node.parse(content)['application/json'])['schema']);
}

function schemaOf(read: Reader, place: string, schema: unknown, isNeeded = true): [string, string][] {
  const found = whole(read, schema);
  const needed = z.array(z.string()).optional().parse(found['required']) ?? [];
  return [
    [place, summaryOf(found, isNeeded)],
    ...Object.entries(propertiesOf(found)).flatMap(([name, one]) =>
      schemaOf(read, `${place}.${name}`, one, needed.includes(name)),
    ),
    ...(found['items'] === undefined ? [] : schemaOf(read, `${place}[]`, found['items'])),
  ];
}

/** One schema out of those that all hold, or of something and null. */
function whole(read: Reader, schema: unknown): Node {
  const found = read(schema);
  const all = partsOf(found['allOf']);
  if (all !== undefined) return all.map((part) => whole(read, part)).reduce((left, right) => both(read, left, right));
  const alternatives = partsOf(found['oneOf'] ?? found['anyOf']);
  if (alternatives === undefined) return found;
  const members = alternatives.map((alternative) => whole(read, alternative));
  const [one] = members.filter(({ type }) => type !== 'null');
  return { ...one, type: members.flatMap(({ type }) => type) };
}

const partsOf = (parts: unknown): unknown[] | undefined => z.array(z.unknown()).optional().parse(parts);

function both(read: Reader, left: Node, right: Node): Node {
  const [ours, theirs] = [propertiesOf(left), propertiesOf(right)];
  const common = Object.keys(theirs).filter((name) => name in ours);
  const merged = common.map((name) => [name, both(read, read(ours[name]), read(theirs[name]))]);
  return { ...left, ...right, properties: { ...ours, ...theirs, ...Object.fromEntries(merged) } };
}

function propertiesOf(schema: Node): Node {
  return node.optional().parse(schema['properties']) ?? {};
}

function summaryOf(schema: Node, isNeeded: boolean): string {
  const types = [schema['type']].flat().map(String).toSorted().join(' or ');
  const pattern = schema['format'] === undefined && schema['pattern'] !== undefined ? ['pattern'] : [];
  const values = schema['const'] === undefined ? schema['enum'] : [schema['const']];
  const words = [...KEYWORDS, ...pattern].flatMap((keyword) => {
    const value = keyword === 'enum' ? values : schema[keyword];
    return value === undefined ? [] : [`${keyword} ${JSON.stringify(value)}`];
  });
  return [types, ...words, ...(isNeeded ? ['required'] : [])].join(', ');
}
