import type { Admin } from 'kafkajs';

export type CommittedOffsets = Awaited<ReturnType<Admin['fetchOffsets']>>;

const ATTEMPTS = 10;
const PAUSE_MS = 300;

/**
 * What a group has committed; without `topics`, of all of its own. kafkajs does not look again for a group's coordinator that has moved, or is not
 * there yet: asked here for three seconds. Rejects with what kafkajs says.
 */
export async function committedOffsets(
  admin: Pick<Admin, 'fetchOffsets'>,
  group: { readonly groupId: string; readonly topics?: string[] },
  pauseMs = PAUSE_MS,
): Promise<CommittedOffsets> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await admin.fetchOffsets(group);
    } catch (error) {
      if (attempt === ATTEMPTS || (error as { retriable?: unknown }).retriable !== true) throw error;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}
