export default async function globalTeardown() {
  await globalThis.postgangTestServers?.stop();
}
