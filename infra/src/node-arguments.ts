/**
 * What Node is told before the file of an app, wherever one is started; README.md and docker-compose.yml say the same.
 *
 * The worker lives beside a broker and a database that need the other cores more than its garbage collector does.
 */
const OF_APP: Readonly<Record<string, readonly string[]>> = {
  'ingest-worker': ['--single-threaded-gc'],
};

/** Arguments for Node itself. */
export function nodeArgumentsOf(app: string): readonly string[] {
  return OF_APP[app] ?? [];
}
