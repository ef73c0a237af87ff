import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { eventually } from '@postgang/testing';

export interface RawAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: Record<string, unknown>;
}

/** Writes bytes as they are and reads until the other side ends. */
export function sendRaw(url: string, text: string, more?: (socket: Socket) => void): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(text);
      more?.(socket);
    });
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('end', () => {
      socket.destroy();
      const [head = '', body = ''] = Buffer.concat(chunks).toString().split('\r\n\r\n');
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]);
      const type = /^content-type: (.*)$/im.exec(head)?.[1] ?? '';
      resolve({ status, type, body: body === '' ? {} : (JSON.parse(body) as Record<string, unknown>) });
    });
    socket.on('error', reject);
    // reset by this side: there is neither an end nor an error
    socket.on('close', () => reject(new Error('closed without an answer')));
  });
}

/**
 * How many bytes the server of this process has read from the connection on which it answered this request, when the connection is closed.
 * Buffers of the kernel are not in it: nobody has read those.
 */
export async function bytesRead(path: string, work: () => Promise<unknown>): Promise<number> {
  let read: number | undefined;
  const finished = (message: unknown): void => {
    const { request, socket } = message as { request: { url: string }; response: ServerResponse; socket: Socket };
    if (request.url !== path) return;
    socket.once('close', () => (read = socket.bytesRead));
  };
  subscribe('http.server.request.start', finished);
  try {
    await work();
    return await eventually('the end of the connection', () => read);
  } finally {
    unsubscribe('http.server.request.start', finished);
  }
}
