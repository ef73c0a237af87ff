/**
 * Stands between us and a server so that no orphan is ever left: it holds a pipe to its parent (stdin), and when that closes — the parent
 * stopped, crashed or was killed — it ends the server, first gently, then its whole process group by force, and itself.
 * It needs nothing but Node, for tools/start.mjs uses it before the dependencies are there.
 *
 * A byte on the pipe is a fault for the server: `k` kills it at once, as a crash would (SIGKILL), `s` and `c` stop it in its tracks and let
 * it go on (SIGSTOP, SIGCONT), and `q` is SIGQUIT to the leader alone, which PostgreSQL takes for "crash now, with your children".
 *
 *   node supervisor.mjs '{"graceMs":5000,"stopSignal":"SIGTERM","uid":1,"gid":1}' <command> [args…]
 */
import { spawn } from 'node:child_process';

const [options = '{}', command = '', ...args] = process.argv.slice(2);
const { graceMs = 5_000, stopSignal = 'SIGTERM', uid, gid } = JSON.parse(options);
const child = spawn(command, args, { detached: true, stdio: ['ignore', 'inherit', 'inherit'], uid, gid });
let ending = false;

/** @param {() => void} send */
function quietly(send) {
  try {
    send();
  } catch {
    // already gone
  }
}

/** @param {NodeJS.Signals} signal */
const toGroup = (signal) => quietly(() => child.pid !== undefined && process.kill(-child.pid, signal));
const killGroup = () => toGroup('SIGKILL');

/** @type {Record<string, () => void>} */
const FAULTS = {
  k: killGroup,
  s: () => toGroup('SIGSTOP'),
  c: () => toGroup('SIGCONT'),
  q: () => quietly(() => child.kill('SIGQUIT')),
};

function end() {
  if (ending) return;
  ending = true;
  // who was stopped in its tracks would hear nothing
  toGroup('SIGCONT');
  // the leader alone: it ends its own children in order (PostgreSQL's would take a group's signal for a request to cancel)
  quietly(() => child.kill(stopSignal));
  setTimeout(() => {
    killGroup();
    process.exit(1);
  }, graceMs);
}

child.on('error', (error) => {
  process.stderr.write(`${command}: ${error.message}\n`);
  process.exit(127);
});
child.on('exit', (code) => {
  // the group may outlive its leader
  killGroup();
  process.exit(code ?? 1);
});
process.stdin
  .on('end', end)
  .on('error', end)
  .on('data', (bytes) => {
    for (const byte of String(bytes)) FAULTS[byte]?.();
  });
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, end);
