import { copyFile } from 'node:fs/promises';
import { keepBrokerCertificate } from '@quarterhour/messaging';
import { Command } from 'commander';
import type { CommandContext } from '../context.js';
import { several, shortText } from '../values.js';

interface Options {
  readonly host: readonly string[];
  readonly caFile?: string;
}

export function makeCertificateCommand(ctx: CommandContext): Command {
  return new Command('certificate')
    .description('make the certificate that partners verify the broker with, unless it is there already')
    .argument('<folder>', 'where it is kept: ca.pem, ca.key, server.pem and server.key', shortText)
    .requiredOption(
      '--host <host>',
      'name or address by which partners reach the broker; may be repeated',
      several(shortText),
    )
    .option('--ca-file <file>', 'where to put a copy of ca.pem, for those who may not see the keys', shortText)
    .addHelpText(
      'after',
      `
The authority is the broker's own and lasts ten years, the certificate one; run again when 30 days are left, or with other
hosts, it makes a new certificate by the same authority. Where a public authority has certified the broker, this is not needed.

Example:
  $ quarterhour certificate /etc/quarterhour/tls --host amqp.example.org`,
    )
    .action(async (folder: string, { host, caFile }: Options) => {
      const {
        caFile: made,
        certificateFile,
        keyFile,
      } = await keepBrokerCertificate({
        folder,
        hosts: host,
        nowMillis: ctx.clock.nowMillis(),
      });
      if (caFile !== undefined) await copyFile(made, caFile);
      for (const file of [made, certificateFile, keyFile]) ctx.out.line(file);
    });
}
