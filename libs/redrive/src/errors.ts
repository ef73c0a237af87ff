/** The plan, or the world, does not allow it. The message is for the operator; nothing personal in it. */
export class RedriveError extends Error {
  override readonly name = 'RedriveError';
}

/** A person may not do this: the planner released his own plan, or nobody has released it. */
export class NotAllowed extends RedriveError {}
