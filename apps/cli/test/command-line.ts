import { startProcess } from '@quarterhour/testkit';

/** What a command did, as whoever typed it sees it. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The built command with an environment of its own. */
export function commandLine(env: Readonly<Record<string, string>>): (...args: string[]) => Promise<Ended> {
  return async (...args) => {
    const command = await startProcess({ entry: 'apps/cli/bin/quarterhour.mjs', args, env });
    const { code } = await command.exited;
    return { status: code, stdout: command.stdout.join('\n'), stderr: command.stderr.join('\n') };
  };
}
