/**
 * Stands between us and a server so that no orphan is ever left: it holds a pipe to its parent (stdin), and when that closes — the parent
 * stopped, crashed or was killed — it ends the server's whole process group, first gently, then by force, and itself.
 *
 *   node supervisor.mjs <grace-ms> <command> [args…]
 */
import { spawn } from 'node:child_process';

const [graceMs, command, ...args] = process.argv.slice(2);
const child = spawn(command, args, { detached: true, stdio: ['ignore', 'inherit', 'inherit'] });
let ending = false;

function signalGroup(signal) {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // already gone
  }
}

function end() {
  if (ending) return;
  ending = true;
  if (child.pid === undefined) process.exit(127);
  signalGroup('SIGTERM');
  setTimeout(() => {
    signalGroup('SIGKILL');
    process.exit(1);
  }, Number(graceMs));
}

child.on('error', (error) => {
  process.stderr.write(`${command}: ${error.message}\n`);
  process.exit(127);
});
child.on('exit', (code, signal) => {
  // the group may outlive its leader
  signalGroup('SIGKILL');
  process.exit(signal === null ? code : 1);
});
process.stdin.on('end', end).on('error', end).resume();
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, end);
