import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { MailServer } from './mail-server.js';

/** Takes every mail but those for an address with "bad" in it, whose connections it ends. */
function particularServer(): Server {
  return createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write('220 mail.example\r\n');
    socket.on('data', (data) => {
      const text = data.toString();
      if (text.startsWith('QUIT')) socket.end('221 bye\r\n');
      else if (text.startsWith('DATA')) socket.write('354 go on\r\n');
      else if (text.startsWith('RCPT') && text.includes('bad')) socket.end('421 4.7.0 try again later\r\n');
      else socket.write('250 ok\r\n');
    });
  });
}

describe('a mail server that breaks off at one address', () => {
  const server = particularServer();
  let mail: MailServer;
  beforeAll(async () => {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    mail = new MailServer({
      SMTP_HOST: '127.0.0.1',
      SMTP_PORT: port,
      SMTP_TLS: 'none',
      MAIL_FROM: 'post@postgang.example',
    } as ConstructorParameters<typeof MailServer>[0]);
  });
  afterAll(async () => {
    mail.close();
    await once(server.close(), 'close');
  });

  it('is tried later for that one, and sends to the others', async () => {
    const message = Buffer.from('Subject: x\r\n\r\nhei\r\n');
    const ends: string[] = [];
    for (const address of ['ola@epost.example', 'bad@epost.example', 'kari@epost.example', 'bad@epost.example'])
      ends.push((await mail.send({ address, message })).end);
    expect(ends).toEqual(['sent', 'later', 'sent', 'later']);
  });
});
