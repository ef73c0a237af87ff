import { isEnd, isGivenUp } from '../letter-status.js';
import { turnOf, type ServiceState, type Situation, type Turn } from './situation.js';

/** A known cause: what is seen when it is at work, what the agency is told, and what an operator can do. */
export interface Cause {
  readonly id: string;
  /** `turn`: {@link turnOf} of the situation. */
  readonly seen: (situation: Situation, turn: Turn | undefined) => boolean;
  /** For the agency: about its own letter and its own rights; nothing about others, and nothing a register told. */
  readonly agency: string;
  readonly operator: string;
  /** In the order to try them. Empty when there is nothing to do. */
  readonly steps: readonly string[];
}

/** Providers are asked every half second, and it is told every quarter of a minute; after a minute they are not being asked. */
const UNASKED_MS = 60_000;
/** A service that is merely busy is through with a letter sooner. */
const BUSY_MS = 10_000;

const at = (situation: Situation, turn: Turn | undefined): ServiceState =>
  turn === undefined ? {} : (situation.services[turn] ?? {});
const finds = (away: string, situation: Situation, turn: Turn | undefined): boolean =>
  at(situation, turn).down?.includes(away) === true;
const waits = ({ effect }: Situation): boolean => effect?.state === 'QUEUED' || effect?.state === 'INTENDED';
/** What its own last try said, else what others of its lane were told: they queue behind the same door. */
const tried = (situation: Situation): string =>
  waits(situation) ? (situation.effect?.reason ?? situation.lane ?? '') : '';
const wasGivenUp = ({ leg }: Situation): boolean => leg !== undefined && isGivenUp(leg);
/** Put back by ourselves, to go in their turn: nothing about the letter needs mending. */
const PUT_BACK = new Set(['held-up', 'postgres', 'document-store']);
const owedByProvider = ({ awaited, leg }: Situation): boolean =>
  awaited !== undefined &&
  awaited.from !== 'postgang' &&
  (leg?.state === 'HandedOver' || leg?.state === 'ReceivedForPrint');
const waitedMs = ({ awaited, now }: Situation): number =>
  awaited === undefined ? 0 : now.getTime() - awaited.since.getTime();

/** How many answers of a provider make its usual time one: below, nothing is called late by it. */
export const FEWEST_SAMPLES = 20;

/** A receipt needs a moment from the provider to us: what is quicker than that is not late, however quick the provider is. */
const ON_ITS_WAY_MS = 5_000;

/** When a letter counts as stuck although its deadline may be days away: twice what all but one of twenty take. */
export const stuckAfterMs = (situation: Pick<Situation, 'usual'>): number | undefined =>
  situation.usual === undefined || situation.usual.samples < FEWEST_SAMPLES
    ? undefined
    : Math.max(2 * situation.usual.p95Ms, ON_ITS_WAY_MS);

export function isLate(situation: Situation): boolean {
  const { awaited, now } = situation;
  if (awaited === undefined) return false;
  const limit = awaited.from === 'postgang' ? undefined : stuckAfterMs(situation);
  return awaited.dueAt < now || (limit !== undefined && waitedMs(situation) > limit);
}

const waitsHere = (situation: Situation): boolean => {
  const since = situation.awaited?.since ?? situation.acceptedAt;
  return since !== undefined && situation.now.getTime() - since.getTime() > BUSY_MS;
};

const OUR_OUTAGE =
  'Something that Postgang needs for the next step is away. The letter waits and goes on by itself; do not hand it in again.';
const OUR_REPAIR =
  'Something went wrong at Postgang with this letter, and a person there must mend it. Do not hand it in again.';
/** What no manifest can ever hold (document-package). Its other complaints may be mended here, and then the dead letter goes out: those are not for the agency to mend. */
const UNWRITABLE = /cannot be sealed: manifest-invalid \((senderUnit|invoiceReference|a character that XML has not)\)/;

const HANDED_OVER_SO_FAR = 'The letter has most often arrived all the same; do not hand it in again.';

/**
 * The known causes, best first: the first whose signs are seen is the cause. Ends come before what is under way, what lies with a person before
 * what mends itself, what this letter itself shows before what a whole service shows.
 */
export const CAUSES: readonly Cause[] = [
  {
    id: 'notice-waits-for-mail-server',
    seen: (s, turn) => turn === 'notification' && finds('smtp', s, turn),
    agency:
      'The letter is delivered. The service message waits for a mail server that is away, and is sent when it is back.',
    operator: 'The mail server does not take mail; service messages wait, nothing is burnt.',
    steps: [
      'Look at the mail server (SMTP_HOST) and its log.',
      'Nothing else: messages go out by themselves when it answers.',
    ],
  },
  {
    id: 'notice-waits-for-register',
    seen: (s, turn) => turn === 'notification' && (finds('krr', s, turn) || finds('maskinporten', s, turn)),
    agency:
      'The letter is delivered. The service message waits for a register that is away, and is sent when it is back.',
    operator: 'The address for the service message cannot be looked up: the contact register or Maskinporten is away.',
    steps: ['See whether the register has told of an outage.'],
  },
  {
    id: 'notice-not-sent',
    seen: (s) => s.status !== undefined && isEnd(s.status) && s.notice === 'not-sent',
    agency: 'The letter is delivered. The service message was not sent: no address, or its mail server refused it.',
    operator: 'The service message ended without being sent; the reason is in the history (notified).',
    steps: [],
  },
  {
    id: 'notice-on-its-way',
    seen: (s, turn) => turn === 'notification' && at(s, turn).alive !== false && at(s, turn).stopped !== true,
    agency: 'The letter is delivered. The service message is about to be sent.',
    operator: 'Delivered; the service message has not been reported back yet.',
    steps: [],
  },
  {
    id: 'refused',
    seen: (s) => s.status === 'REFUSED' && s.refusal !== undefined,
    agency:
      'The letter was refused before it was sent; the reason says which rule. It may be corrected and handed in under a new reference.',
    operator: 'A rule said no. That is news for the agency; nothing is wrong here.',
    steps: [],
  },
  {
    id: 'package-cannot-be-handed-over',
    seen: (s) =>
      s.leg?.state === 'Refused' && s.effect?.state === 'FAILED' && s.effect.reason === 'cannot-be-handed-over',
    agency: OUR_REPAIR,
    operator:
      'The sealed package in the document store is missing or not the one that was sealed. The leg has failed, with a dead letter.',
    steps: [
      'Restore the document store from its backup, and look why it lost a package.',
      'Redrive the dead letter of encryption or dispatch for this letter; the ledger keeps it from going twice.',
    ],
  },
  {
    id: 'given-up-at-provider',
    seen: (s) => wasGivenUp(s) && (s.effect === undefined || s.effect.state === 'FAILED'),
    agency:
      'The provider could not be reached with this letter, however often it was tried. A person at Postgang looks at it.',
    operator:
      'Twenty attempts without the provider’s word. The leg has failed, with a dead letter in provider-dispatch.',
    steps: [
      'Find out from the reason in the ledger what the provider answered.',
      'When it is mended, redrive the dead letter.',
    ],
  },
  {
    id: 'sent-again-after-given-up',
    seen: (s) => wasGivenUp(s),
    agency:
      'The letter had been given up and is sent again. Its status follows when the provider says what became of it.',
    operator: 'Its dead letter was redriven: the ledger has the hand-over under way again.',
    steps: ['Nothing: do not redrive it once more. Unsettled? postgang effects list.'],
  },
  {
    id: 'refused-by-provider',
    seen: (s) => s.leg?.state === 'Refused',
    agency: 'The provider refused the letter. It is not delivered.',
    operator: 'The access point or the provider said no; its problem’s name is in the detail of the leg.',
    steps: ['See whether others of the same provider are refused for the same reason: then it is ours.'],
  },
  {
    id: 'failed-at-provider',
    seen: (s) => s.leg?.state === 'Failed',
    agency: 'The provider took the letter and has reported that it could not deliver it.',
    operator: 'A signed receipt of the provider says so (feil).',
    steps: ['KLIENT: something in the letter or its address. SERVER: ask the provider.'],
  },
  {
    id: 'returned',
    seen: (s) => s.status === 'RETURNED',
    agency: 'The letter was posted and has come back: the recipient does not live at the address.',
    operator: 'Returned by the post. Nothing is wrong here.',
    steps: [],
  },
  {
    id: 'done',
    seen: (s) => s.status !== undefined && isEnd(s.status) && s.notice !== 'awaited',
    agency: 'Nothing more is awaited: the letter has reached its end.',
    operator: 'Nothing more is awaited.',
    steps: [],
  },
  {
    id: 'database-away',
    seen: (s, turn) => s.silent.includes('database') || finds('postgres', s, turn),
    agency: OUR_OUTAGE,
    operator:
      'PostgreSQL does not answer, here or to the service whose turn it is. Everything waits for it: nothing is committed and no attempt is burnt.',
    steps: [
      'Bring PostgreSQL back; the services go on by themselves.',
      'After a restore from a backup they play the topics forward from their own positions.',
    ],
  },
  {
    id: 'held-for-too-many-refusals',
    seen: (s) => s.parked?.why === 'too-many-refusals',
    agency:
      'Too large a share of your letters would be refused, so your letters are held until a person at Postgang has spoken with you. Check the recipients’ ids.',
    operator: 'The share of refusals of this agency stopped it: its letters are parked, nothing is refused.',
    steps: ['Look at the reasons, and ask the agency whether its list is right.', 'postgang parked release <orgnr>'],
  },
  {
    id: 'no-access-to-register',
    seen: (s) => s.parked?.why.startsWith('no-access-to-') === true,
    agency:
      'Your delegation to look up recipients in a register is missing or has ended. Give it in Altinn; your letters then go on by themselves.',
    operator:
      'The register or Maskinporten refuses this agency; its letters are parked, and one asks anew every minute.',
    steps: ['Tell the agency to delegate the register’s scopes to the operator in Altinn.'],
  },
  {
    id: 'text-cannot-be-written',
    seen: (s) => s.dead?.service === 'encryption' && UNWRITABLE.test(s.dead.failure),
    agency:
      'A title, the avsenderidentifikator or the invoice reference has a character that digital post cannot carry, so the letter can never go out. Hand it in again without it, under a new reference.',
    operator:
      'A text of the letter has a character that XML has not, so no manifest can hold it. Dead letter of encryption. Nothing is wrong with the document store.',
    steps: [
      'Do not redrive the dead letter: it comes back, however often.',
      'Tell the agency to hand the letter in again without the character, under a new reference.',
      'The door refuses such texts: if this one was accepted lately, mend the door.',
    ],
  },
  {
    id: 'document-unusable',
    seen: (s) => s.dead?.service === 'encryption' && /cannot be sealed: document /.test(s.dead.failure),
    agency: OUR_REPAIR,
    operator:
      'A document of the letter is missing, damaged or erased in the document store. Dead letter of encryption.',
    steps: ['Restore the document store from its backup.', 'Redrive the dead letter of encryption for this letter.'],
  },
  {
    id: 'dead-letter',
    seen: (s) => s.dead !== undefined,
    agency: OUR_REPAIR,
    operator: 'A record of this letter could not be processed and lies among the dead letters of the service named.',
    steps: ['Read the failure, mend its cause.', 'Redrive the dead letter: plan, look at the plan, execute.'],
  },
  {
    id: 'register-has-no-answer-for-recipient',
    seen: (s) => s.retry?.service === 'register-lookup' && /(answer for|asked about) this person/.test(s.retry.failure),
    agency: 'A register has no usable answer for the recipient just now. It is asked again by itself.',
    operator:
      'The register answers for others, but not for this one person. The letter is tried again at the time named.',
    steps: ['When it does not end: ask the register’s operator, with the time of the attempts.'],
  },
  {
    id: 'tried-again-later',
    seen: (s, turn) => s.retry !== undefined && (s.retry.service === turn || s.retry.service === 'receipts'),
    agency: 'A step failed and is tried again by itself.',
    operator: 'A record of this letter waits in a retry tier of the service named.',
    steps: ['Read the failure. Nothing to do while it is one that passes.'],
  },
  {
    id: 'database-restored',
    seen: (s, turn) => at(s, turn).restored === true || s.services.receipts?.restored === true,
    agency: OUR_OUTAGE,
    operator:
      'The database is older than what the broker has been told: a backup was put back. The service plays its topics forward from its own position.',
    steps: ['Start the service if it is down, and let it catch up.', 'postgang audit over the days concerned.'],
  },
  {
    id: 'service-stopped-itself',
    seen: (s, turn) => at(s, turn).stopped === true,
    agency: OUR_REPAIR,
    operator: 'The service whose turn it is has stopped its consumer: too many dead letters or refusals at once.',
    steps: [
      'Look at its dead letters: is it the last deploy?',
      'Deploy what is right, or restart it with FLOOD_SHARE=1 when the bad ends are as they should be.',
    ],
  },
  {
    id: 'service-down',
    seen: (s, turn) => at(s, turn).alive === false && (!waits(s) || tried(s) === ''),
    agency: OUR_OUTAGE,
    operator: 'Nobody runs the service whose turn it is. Its topics wait.',
    steps: ['Start it, and look at its last log lines.'],
  },
  {
    id: 'maskinporten-away',
    seen: (s, turn) => finds('maskinporten', s, turn) || tried(s) === 'maskinporten-down',
    agency: OUR_OUTAGE,
    operator: 'Maskinporten gives no tokens. Letters wait, no attempt is burnt.',
    steps: [
      'See whether Maskinporten has told of an outage.',
      'If it has not: is the operator’s client or certificate refused? The log of the service says.',
    ],
  },
  {
    id: 'contact-register-away',
    seen: (s, turn) => finds('krr', s, turn),
    agency: OUR_OUTAGE,
    operator:
      'The contact and reservation register does not answer, or answers what is not understood. Nothing is routed on a guess.',
    steps: ['See whether the register has told of an outage.'],
  },
  {
    id: 'population-register-away',
    seen: (s, turn) => s.parked?.why === 'folkeregisteret-away' || finds('folkeregisteret', s, turn),
    agency: OUR_OUTAGE,
    operator:
      'Folkeregisteret does not answer; letters on paper are parked until it does, those to mailboxes go. One asks anew every few seconds.',
    steps: ['See whether the register has told of an outage.'],
  },
  {
    id: 'document-store-away',
    seen: (s, turn) => finds('document-store', s, turn) || tried(s) === 'document-store',
    agency: OUR_OUTAGE,
    operator: 'The document store is full or cannot be written to.',
    steps: ['Free or add space under DOCUMENT_STORE; the letters go on by themselves.'],
  },
  {
    id: 'no-right-to-send',
    seen: (s) => ['no-delegation', 'status-401', 'status-403', 'sender-held'].includes(tried(s)),
    agency:
      'Your delegation to send digital post is missing or has ended. Give it in Altinn; your letters then go on by themselves.',
    operator:
      'Maskinporten or the access point refuses this agency (401, 403). Its lane waits, and is tried twice a minute; others go on.',
    steps: [
      'Tell the agency to delegate sending to the operator in Altinn.',
      'Many agencies at once: look at the operator’s own client.',
    ],
  },
  {
    id: 'access-point-asks-for-patience',
    seen: (s) => tried(s) === 'status-429',
    agency: 'The provider takes letters more slowly just now. The letter is sent when its turn comes.',
    operator: 'The access point answers 429; the provider’s lane keeps the pause it asks for.',
    steps: ['Nothing for a while. If it lasts: agree on a rate with the access point.'],
  },
  {
    id: 'access-point-away',
    seen: (s, turn) =>
      ['unreachable', 'never-arrived'].includes(tried(s)) ||
      /^status-5\d\d$/.test(tried(s)) ||
      (turn === 'provider-dispatch' && tried(s) === '' && finds('access-point', s, turn)),
    agency: OUR_OUTAGE,
    operator:
      'The access point cannot be reached, or answers with errors of its own. The lane probes with one letter; no attempt is burnt by an outage.',
    steps: ['See whether the access point has told of an outage.'],
  },
  {
    id: 'hand-over-parked',
    seen: (s) => s.effect?.state === 'PARKED',
    agency:
      'The provider may have the letter, and has not said so however often it was asked. A person at Postgang finds out; do not hand it in again.',
    operator: 'The access point was asked in vain and is asked seldom now: the hand-over is parked for an operator.',
    steps: [
      'Ask the access point what became of the message id.',
      'postgang effects settle with what it says; on no word at all nothing is sent again.',
    ],
  },
  {
    id: 'hand-over-uncertain',
    seen: (s) => s.effect?.state === 'UNCERTAIN',
    agency: 'The provider may have the letter, and did not say so. It is asked; the letter is never sent twice.',
    operator:
      'No clear answer to the hand-over. The ledger asks the access point by our message id after its visibility lag.',
    steps: [
      'Nothing while the access point answers; the row settles by itself.',
      'Access point away for long: the row waits, and is not sent again.',
    ],
  },
  {
    id: 'hand-over-put-back',
    seen: (s) => waits(s) && PUT_BACK.has(tried(s)),
    agency: OUR_OUTAGE,
    operator:
      'It was to be handed over, and the worker was held up, or the database or the document store was away for a moment. It goes in its turn; no attempt is burnt.',
    steps: ['Again and again? Look at the disk and the load of provider-dispatch and its database.'],
  },
  {
    id: 'hand-over-fails-here',
    seen: (s) => waits(s) && tried(s) !== '',
    agency: OUR_REPAIR,
    operator:
      'The message cannot be made or is not taken; the reason is in the ledger. It is tried again, twenty times in all.',
    steps: ['Look at the log of provider-dispatch for this letter.'],
  },
  {
    id: 'receipt-set-aside',
    seen: (s) => owedByProvider(s) && s.setAside !== undefined,
    agency: `A receipt came that cannot be believed, so the status stays as it is. ${HANDED_OVER_SO_FAR}`,
    operator: 'A receipt for this leg was set aside: its signature, signer or times do not hold. It proves nothing.',
    steps: [
      'Read its problem; tell the provider.',
      'Its certificate new, or RECEIPT_TRUST old? Then renew the trust: what was set aside is judged anew when it is delivered again.',
    ],
  },
  {
    id: 'receipts-not-fetched',
    seen: (s) =>
      owedByProvider(s) &&
      (at(s, 'provider-dispatch').alive === false ||
        (s.pulledUntil !== undefined && s.now.getTime() - s.pulledUntil.getTime() > UNASKED_MS)),
    agency: `Receipts cannot be fetched just now. ${HANDED_OVER_SO_FAR}`,
    operator:
      'The provider has not been asked for its receipts for more than a minute: the poller is down, or the access point is.',
    steps: ['Is provider-dispatch running? Does the access point answer?'],
  },
  {
    id: 'receipt-names-unknown-conversation',
    seen: (s) => owedByProvider(s) && isLate(s) && s.strays > 0,
    agency: `The receipt that was due has not come, and one came that fits no letter. ${HANDED_OVER_SO_FAR}`,
    operator:
      'Since this letter was handed over, the provider has sent receipts for conversations that nobody here knows.',
    steps: [
      'Ask the provider for the conversation ids of its latest receipts.',
      'Was a database restored? Then wait until receipts has caught up.',
    ],
  },
  {
    id: 'receipt-missing',
    seen: (s) => owedByProvider(s) && isLate(s) && s.othersAnswered && s.leg?.state === 'HandedOver',
    agency: `The provider has not confirmed this letter, though it has confirmed later ones. ${HANDED_OVER_SO_FAR}`,
    operator:
      'The receipt is lost at the provider: it has answered for letters it got later. The access point was asked until just now.',
    steps: [
      'Ask the provider for the receipt, by conversation id.',
      'Do not send again: the letter is most often there.',
    ],
  },
  {
    id: 'not-posted-in-time',
    seen: (s) => s.leg?.state === 'ReceivedForPrint' && isLate(s),
    agency: 'The print shop has the letter, and has not reported it as posted in its usual time.',
    operator: 'Received for print, and no receipt of posting within the usual time.',
    steps: ['Ask the print shop about its daily run.'],
  },
  {
    id: 'provider-silent',
    seen: (s) => owedByProvider(s) && isLate(s),
    agency: `The provider is slower than usual with everybody's letters. ${HANDED_OVER_SO_FAR}`,
    operator: 'The provider has confirmed nothing it got since: it is slow or down, or its receipts are held up.',
    steps: ['See whether the provider has told of an outage; ask it.'],
  },
  {
    id: 'with-provider',
    seen: (s) => owedByProvider(s),
    agency: 'The provider has the letter, and its answer is not late.',
    operator: 'Within the provider’s usual time.',
    steps: [],
  },
  {
    id: 'not-published',
    seen: (s, turn) => turn === 'integration-point' && waitsHere(s),
    agency: OUR_OUTAGE,
    operator:
      'The letter is stored, and its event is not with the broker yet: Kafka or integration-point is away. The sweep publishes it.',
    steps: ['Bring Kafka back; then integration-point publishes by itself.'],
  },
  {
    id: 'broker-away',
    seen: (s, turn) => turn !== undefined && (s.silent.includes('broker') || finds('kafka', s, turn)),
    agency: OUR_OUTAGE,
    operator: 'Kafka does not answer. What is stored waits, and is published when it is back.',
    steps: ['Bring Kafka back.'],
  },
  {
    id: 'another-outage',
    seen: (s, turn) => (at(s, turn).down?.length ?? 0) > 0,
    agency: OUR_OUTAGE,
    operator: 'The service whose turn it is waits for something that is away; its name is given.',
    steps: ['Look at the log of that service.'],
  },
  {
    id: 'queue-before-it',
    seen: (s, turn) => turn !== undefined && waitsHere(s) && (at(s, turn).behind ?? 0) > 0,
    agency: 'Many letters are before this one. It goes on by itself.',
    operator: 'The service whose turn it is has records before it.',
    steps: ['Is the lag falling? If not, start another instance.'],
  },
  {
    id: 'waits-here-for-unknown-reason',
    seen: (s, turn) => turn !== undefined && waitsHere(s),
    agency:
      'Postgang has not done the next step in the time it usually takes. Nothing is lost; do not hand it in again.',
    operator: 'None of the known causes is seen.',
    steps: [
      'Look at the log of the service whose turn it is, by letter id.',
      'Tell what it was: it belongs in the table of known causes.',
    ],
  },
  {
    id: 'on-its-way',
    seen: () => true,
    agency: 'The letter is on its way, and nothing is late.',
    operator: 'Nothing is late.',
    steps: [],
  },
];

/** The one best match. */
export function causeOf(situation: Situation): Cause {
  const turn = turnOf(situation);
  return CAUSES.find(({ seen }) => seen(situation, turn)) as Cause;
}
