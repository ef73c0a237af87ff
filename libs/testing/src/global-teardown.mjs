/** Ends what global-setup.mjs started. */
export default async function globalTeardown() {
  await Reflect.get(globalThis, 'postgangTestServers')?.stop();
}
