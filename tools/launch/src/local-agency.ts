import { AgencyRegister } from '@postgang/integration-point';
import { KeyRing } from '@postgang/outside';
import { createLogger, createTopics, kafkaClient } from '@postgang/runtime';
import { readFileSync } from 'node:fs';
import { API_AUDIENCE, type Settings } from './settings.js';

/** Tokens live 120 s; a request on its way must not meet the end. */
const TOKEN_USED_FOR_MS = 60_000;

export interface LocalAgency {
  readonly orgnr: string;
  /** Base64; seals what the agency writes to its own topic. Only of an agency with topics. */
  readonly ingressKey: string | undefined;
  /** A bearer token for the API, from the sandbox. */
  token(): Promise<string>;
}

/** Makes an organisation an agency here and at the sandbox, with topics of its own when `kafka` is set. */
export async function addLocalAgency(
  settings: Settings,
  sandboxUrl: string,
  { orgnr, name = 'Testetaten', kafka = false }: { orgnr: string; name?: string; kafka?: boolean },
): Promise<LocalAgency> {
  const ingressKey = await register(settings, { orgnr, name, kafka });
  if (kafka) {
    const brokers = (settings['KAFKA_BROKERS'] ?? '').split(',');
    const prefix = settings['TOPIC_PREFIX'] ?? '';
    const client = kafkaClient({ brokers, topicPrefix: '' }, 'launch', createLogger('launch', 'error'));
    await createTopics(client, [orgnr], { prefix, replication: 1 });
  }
  const post = async (path: string, body: unknown): Promise<Response> => {
    const answer = await fetch(sandboxUrl + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`sandbox ${path}: ${answer.status}`);
    return answer;
  };
  await post('/admin/agencies', { agencies: [orgnr] });
  let known: { text: string; until: number } | undefined;
  const token = async (): Promise<string> => {
    if (known === undefined || known.until < performance.now()) {
      const answer = await post('/admin/tokens', { organisation: orgnr, audience: API_AUDIENCE });
      const { access_token: text } = (await answer.json()) as { access_token: string };
      known = { text, until: performance.now() + TOKEN_USED_FOR_MS };
    }
    return known.text;
  };
  return { orgnr, ingressKey, token };
}

async function register(
  settings: Settings,
  agency: { orgnr: string; name: string; kafka: boolean },
): Promise<string | undefined> {
  const keys = KeyRing.parse(readFileSync(settings['KEY_RING_FILE'] ?? '', 'utf8'));
  const agencies = await AgencyRegister.open(settings['POSTGRES_URL'] ?? '', keys);
  try {
    return (await agencies.add(agency)).ingressKey;
  } finally {
    await agencies.close();
  }
}
