import { Inject, Injectable } from '@nestjs/common';
import { DependencyDown } from '@postgang/outside';
import { PAPER_REGISTER } from '@postgang/registers';
import type { DigitalRule } from '@postgang/rules';
import { RUNTIME, type Runtime } from '@postgang/runtime';
import type { Route } from '../db/routes.js';

const DIGITAL: ReadonlySet<string> = new Set<DigitalRule>(['mailbox', 'mailbox-reservation-does-not-apply']);

/** Whether the register that is asked for letters on paper only answers, by what came of them: it may be away while the others are not. */
@Injectable()
export class PaperRegister {
  private answered = false;

  constructor(@Inject(RUNTIME) private readonly runtime: Pick<Runtime, 'metrics'>) {}

  /** `results`: what was decided about letters of any kind. Returns what the register had to say about any of them. */
  note(results: readonly (Route | Error)[]): 'answers' | 'away' | 'nothing' {
    // away for one agency's persons and not for another's: it breaks on some
    const answers = results.some((result) => !(result instanceof Error) && !DIGITAL.has(result.rule));
    if (answers) this.answered = true;
    else if (!results.some((result) => result instanceof DependencyDown)) return 'nothing';
    this.runtime.metrics.dependency(PAPER_REGISTER, answers);
    return answers ? 'answers' : 'away';
  }

  /** Whether it has answered anybody since this was asked last. */
  answeredSinceAsked(): boolean {
    const { answered } = this;
    this.answered = false;
    return answered;
  }
}
