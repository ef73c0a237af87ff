import type { IncomingMessage } from 'node:http';

const LINGER_MS = 1_000;

/**
 * For an answer that leaves part of the body unread. From now on nothing more is read; when the answer is out the connection is half closed, and
 * cut a second later. Cut at once, with bytes unread, the kernel sends a reset, which may take the answer from a client that is still writing.
 */
export function stopReading(request: IncomingMessage): void {
  const { socket } = request;
  // Node reads a body nobody has asked for to its end; asking once (for nothing) makes it ours
  request.read(0);
  socket.pause();
  // a resumption may be under way already, and would start reading again without a second pause being told to Node's server
  socket.on('resume', () => {
    socket.pause();
    socket.emit('pause');
  });
  // what Node calls when the answer is out
  socket.destroySoon = () => {
    socket.pause();
    socket.end();
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once('close', () => clearTimeout(timer));
  };
}
