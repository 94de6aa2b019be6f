// A client of WebSocket (RFC 6455) as small as it can be: for what the tests send, right or wrong.
import { createHash, randomBytes } from 'node:crypto';
import http from 'node:http';

const magic = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** One whole frame, masked. */
export function frame(opcode, payload) {
  const body = Buffer.from(payload);
  const mask = randomBytes(4);
  const head = body.length < 126 ? Buffer.from([0x80 | opcode, 0x80 | body.length])
    : body.length < 65536 ? Buffer.from([0x80 | opcode, 0xfe, body.length >> 8, body.length & 255])
      : Buffer.concat([Buffer.from([0x80 | opcode, 0xff]), u64(body.length)]);
  return Buffer.concat([head, mask, body.map((byte, i) => byte ^ mask[i & 3])]);
}

function u64(number) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(number));
  return bytes;
}

class Socket {
  constructor(raw, head) {
    this.raw = raw;
    this.buffer = head;
    this.messages = [];
    this.waiting = [];
    raw.setNoDelay(true);
    raw.on('data', (d) => { this.buffer = Buffer.concat([this.buffer, d]); this.read(); });
    raw.on('error', () => {});
    this.closed = new Promise((resolve) => raw.on('close', () => {
      this.ended = true;
      this.wake();
      resolve(this.code ?? 1006);
    }));
    this.read();
  }

  read() {
    for (;;) {
      const bytes = this.buffer;
      if (bytes.length < 2) return;
      if (bytes[1] & 0x80) throw new Error('a frame of the server is masked');
      const short = bytes[1] & 127;
      const at = short === 126 ? 4 : short === 127 ? 10 : 2;
      if (bytes.length < at) return;
      const length = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
      if (bytes.length < at + length) return;
      this.take(bytes[0], bytes.subarray(at, at + length));
      this.buffer = bytes.subarray(at + length);
    }
  }

  take(first, payload) {
    if (first === 0x81) this.messages.push(JSON.parse(payload.toString()));
    else if (first === 0x89) this.raw.write(frame(10, payload));
    else if (first === 0x88) {
      this.code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
      this.raw.end(frame(8, payload));
    } else if (first !== 0x8a) throw new Error(`a frame of the server begins with ${first}`);
    this.wake();
  }

  wake() {
    for (const look of this.waiting.splice(0)) look();
  }

  send(message) {
    this.raw.write(frame(1, typeof message === 'string' ? message : JSON.stringify(message)));
  }

  /** The next message that fits; those before it are dropped unless they are wanted later (keep). */
  async next(fits = () => true) {
    for (;;) {
      const at = this.messages.findIndex(fits);
      if (at >= 0) return this.messages.splice(at, 1)[0];
      if (this.ended) throw new Error(`the socket ended (${this.code}) before the message came`);
      await new Promise((resolve) => this.waiting.push(resolve));
    }
  }

  /** All messages up to and with one that fits. */
  async until(fits) {
    const taken = [];
    for (;;) {
      taken.push(await this.next());
      if (fits(taken.at(-1))) return taken;
    }
  }

  /** Closes in order; gives the code the server answered with. */
  close(code = 1000) {
    this.raw.write(frame(8, Buffer.from([code >> 8, code & 255])));
    return this.closed;
  }
}

/** Opens a socket. Rejects with {status, headers} when the server answers anything but 101. */
export function openSocket(server, path, headers = {}) {
  const key = randomBytes(16).toString('base64');
  return new Promise((resolve, reject) => {
    const req = http.request({
      host: server.host, port: server.port, path, agent: false,
      headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': key, ...headers },
    });
    req.on('error', reject);
    req.on('response', (res) => {
      res.resume();
      reject(Object.assign(new Error(`status ${res.statusCode}`), { status: res.statusCode, headers: res.headers }));
    });
    req.on('upgrade', (res, raw, head) => {
      const accept = createHash('sha1').update(key + magic).digest('base64');
      if (res.headers['sec-websocket-accept'] !== accept) reject(new Error('the server accepted another key'));
      else resolve(new Socket(raw, head));
    });
    req.end();
  });
}
