import { readFileSync } from 'node:fs';

/** The user that Postgres runs as when we are root, which it refuses to be. */
export interface ServerUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** `postgres` where it exists, else `nobody`; undefined when we are not root and everything runs as ourselves. */
export function serverUser(): ServerUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const users = readFileSync('/etc/passwd', 'utf8').split('\n').map(userOf);
  return users.find((user) => user?.name === 'postgres') ?? users.find((user) => user?.name === 'nobody');
}

function userOf(line: string): ServerUser | undefined {
  const [name, , uid, gid] = line.split(':');
  if (name === undefined || uid === undefined || gid === undefined) return undefined;
  return { name, uid: Number(uid), gid: Number(gid) };
}
