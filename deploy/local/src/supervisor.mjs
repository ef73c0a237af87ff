/**
 * Stands between us and a server so that no orphan is ever left: it holds a pipe to its parent (stdin), and when that closes — the parent
 * stopped, crashed or was killed — it ends the server, first gently, then its whole process group by force, and itself.
 * It needs nothing but Node, for tools/start.mjs uses it before the dependencies are there.
 *
 * One byte on the pipe kills the server at once, as a crash would.
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

const killGroup = () => quietly(() => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL'));

function end() {
  if (ending) return;
  ending = true;
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
process.stdin.on('end', end).on('error', end).on('data', killGroup);
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, end);
