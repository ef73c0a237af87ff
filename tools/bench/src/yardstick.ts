import { sealPackage, type SigningIdentity } from '@postgang/document-package';
import { participantOf } from '@postgang/rules';
import { createSign, type X509Certificate } from 'node:crypto';

/** CPU milliseconds: rates by CPU time survive a machine that others use too. */
export interface Yardstick {
  readonly signMs: number;
  readonly sealMs: number;
  readonly signsPerSecond: number;
  readonly sealsPerSecond: number;
}

const ROUNDS = 5;
const SIGNS = 200;
const SEALS = 100;

/** Node's own RSA-2048 signature beside a whole package of the letter's size, taken in turns; medians. */
export async function measureYardstick(
  signer: SigningIdentity,
  recipient: X509Certificate,
  document: Buffer,
): Promise<Yardstick> {
  const signs: number[] = [];
  const seals: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const sign = await signing(signer, document);
    const seal = await cpuMs(SEALS, () =>
      sealPackage({
        manifest: { sender: participantOf('310000027'), language: 'nb', mailboxAddress: 'bench#1' },
        main: { href: 'brev.pdf', mediaType: 'application/pdf', title: 'Brev', content: document },
        attachments: [],
        signer,
        recipient,
        signingTime: new Date(),
      }),
    );
    // the first round warms up
    if (round > 0) {
      signs.push(sign);
      seals.push(seal);
    }
  }
  const signMs = median(signs);
  const sealMs = median(seals);
  return { signMs, sealMs, signsPerSecond: 1_000 / signMs, sealsPerSecond: 1_000 / sealMs };
}

/** CPU milliseconds of one signature, now: the machine is not the same from minute to minute. A median, as the collector comes in between. */
export async function measureSign(signer: SigningIdentity, document: Buffer): Promise<number> {
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await signing(signer, document));
  return median(rounds);
}

const signing = (signer: SigningIdentity, document: Buffer): Promise<number> =>
  cpuMs(SIGNS, () => {
    createSign('sha256').update(document).sign(signer.key);
    return Promise.resolve();
  });

async function cpuMs(times: number, work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  for (let count = 0; count < times; count++) await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000 / times;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** Nearest rank. NaN without values. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
