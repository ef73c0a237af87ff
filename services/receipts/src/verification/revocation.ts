import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { certificatesFromPem, type Revocations } from '@postgang/document-package';
import { CONFIG, RUNTIME, startWorker, type Runtime, type Worker } from '@postgang/runtime';
import type { ReceiptsConfig } from '../config.js';
import { countOfRevoked, newestLists, saveLists } from '../db/revocation-lists.js';
import { RevocationFiles } from './revocation-files.js';

/** A list that its issuer dated into the future by mistake would never be followed by a newer one. */
const AHEAD_MS = 86_400_000;

type Observed = { observe(value: number, labels: Record<string, string>): void };

/**
 * Which certificates are revoked, as far as we have ever been told: what was known before a restart is in the table. Lists that are old or missing do not stop receipts (README says why): the metrics tell.
 */
@Injectable()
export class Revocation implements OnApplicationShutdown {
  private readonly files: RevocationFiles;
  private first: Promise<void> | undefined;
  private readonly worker: Worker;
  private unsaved = false;
  private counted = 0;
  private forget: () => void;

  constructor(
    @Inject(RUNTIME) private readonly runtime: Runtime,
    @Inject(CONFIG) config: ReceiptsConfig,
  ) {
    this.files = new RevocationFiles(config.RECEIPT_CRLS, certificatesFromPem(config.RECEIPT_TRUST), runtime.log);
    this.forget = this.observe();
    this.worker = startWorker('revocation', config.RECEIPT_CRLS_EVERY_MS, () => this.turn(), runtime.log);
  }

  /** Once they have been looked at for the first time. Rejects while the table cannot be read in which they were kept. */
  async lists(): Promise<Revocations> {
    await this.begin();
    return this.files.current;
  }

  async onApplicationShutdown(): Promise<void> {
    await this.worker.stop();
    this.forget();
  }

  private begin(): Promise<void> {
    this.first ??= this.recall().catch((error: unknown) => {
      this.first = undefined;
      throw error;
    });
    return this.first;
  }

  private async recall(): Promise<void> {
    const { database, clock } = this.runtime;
    await this.files.recall(await newestLists(database, new Date(clock.now().getTime() + AHEAD_MS)));
    // a folder that is not there stops no receipt; the worker tells of it at every turn
    await this.look().catch(() => undefined);
  }

  private async look(): Promise<void> {
    if (await this.files.refresh()) this.unsaved = true;
  }

  private async turn(): Promise<boolean> {
    await this.begin();
    await this.look();
    if (!this.unsaved) return false;
    const { database, log } = this.runtime;
    await saveLists(database, this.files.lists);
    this.unsaved = false;
    this.counted = await countOfRevoked(database, this.files.current);
    if (this.counted > 0)
      log.error({ receipts: this.counted }, 'receipts were counted whose signer was revoked before they came');
    return false;
  }

  private observe(): () => void {
    const { metrics, service, clock } = this.runtime;
    const gauge = (name: string, description: string, observe: (result: Observed) => void): (() => void) => {
      const made = metrics.meter.createObservableGauge(name, { description });
      made.addCallback(observe);
      return () => made.removeCallback(observe);
    };
    const ends = [
      gauge(
        'revocation_list_seconds_left',
        'Until the issuer was to publish another list, in business time; below 0 it is stale',
        (result) => {
          for (const { issuer, until } of this.files.ends)
            result.observe((until.getTime() - clock.now().getTime()) / 1_000, { service, issuer });
        },
      ),
      gauge('revocation_lists_missing', 'Trusted authorities of which there is no revocation list', (result) =>
        result.observe(this.files.missing, { service }),
      ),
      gauge('revocation_files_unusable', 'Files that could not be used when they were last looked at', (result) =>
        result.observe(this.files.unusable, { service }),
      ),
      gauge(
        'receipts_of_revoked_signers',
        'Receipts that counted before it was known that their signer had been revoked',
        (result) => result.observe(this.counted, { service }),
      ),
    ];
    return () => ends.forEach((end) => end());
  }
}
