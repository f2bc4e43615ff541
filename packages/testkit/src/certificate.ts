import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { keepBrokerCertificate } from '@quarterhour/messaging';
import { systemClock } from '@quarterhour/runtime';

/** A server's certificate, its key, and the authority that issued it, as PEM. */
export interface TestCertificate {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const DAY_MS = 86_400_000;

/**
 * A certificate by an authority of its own, that lasts for a year.
 *
 * @param host the one name that it is for
 * @param issuedDaysAgo default 0
 */
export async function aCertificate(host: string, { issuedDaysAgo = 0 } = {}): Promise<TestCertificate> {
  const folder = await mkdtemp(path.join(tmpdir(), 'test-certificate-'));
  try {
    const nowMillis = systemClock.nowMillis() - issuedDaysAgo * DAY_MS;
    const files = await keepBrokerCertificate({ folder, hosts: [host], nowMillis });
    const [ca, cert, key] = await Promise.all(
      [files.caFile, files.certificateFile, files.keyFile].map((file) => readFile(file, 'utf8')),
    );
    return { ca: ca ?? '', cert: cert ?? '', key: key ?? '' };
  } finally {
    await rm(folder, { recursive: true });
  }
}
