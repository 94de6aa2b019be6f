// Plain HTTP and raw sockets against the program, for what no SDK would send.
import http from 'node:http';
import net from 'node:net';

/** One request on a connection of its own. Gives {status, headers, text, json}; a body may be sent in pieces (chunked). */
export function request(server, { method = 'GET', path = '/', headers = {}, body, pieces } = {}) {
  return new Promise((resolve, reject) => {
    const own = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined));
    if (body !== undefined) own['content-length'] ??= Buffer.byteLength(body);
    const req = http.request({ host: server.host, port: server.port, method, path, headers: own, agent: false, setHost: !('host' in own) });
    let answered = false;
    req.on('error', (e) => answered || reject(e));
    req.on('response', async (res) => {
      answered = true;
      const parts = [];
      try {
        for await (const part of res) parts.push(part);
      } catch (e) {
        return reject(e);
      }
      const text = Buffer.concat(parts).toString();
      return resolve({
        status: res.statusCode, headers: res.headers, text,
        get json() {
          return JSON.parse(text);
        },
      });
    });
    for (const piece of pieces ?? []) req.write(piece);
    req.end(body);
  });
}

/**
 * A raw connection: send() writes bytes, until(re) waits for text that matches, closed resolves with all that was received.
 * Nothing here throws when the server closes early: that is often what is wanted.
 */
export class Raw {
  constructor(server) {
    this.text = '';
    this.ended = false;
    this.watchers = new Set();
    this.socket = net.connect({ host: server.host, port: server.port, noDelay: true });
    this.socket.setEncoding('latin1');
    this.socket.on('error', (e) => { this.error = e; });
    this.socket.on('data', (d) => {
      this.text += d;
      this.look();
    });
    this.socket.on('end', () => this.socket.end());
    this.closed = new Promise((resolve) => this.socket.on('close', () => {
      this.ended = true;
      this.look();
      resolve(this.text);
    }));
  }

  look() {
    for (const watch of this.watchers) watch();
  }

  send(bytes) {
    if (!this.socket.destroyed) this.socket.write(bytes);
    return this;
  }

  /** Waits for the text; rejects when the connection ends without it. */
  until(re) {
    return new Promise((resolve, reject) => {
      const watch = () => {
        if (!re.test(this.text) && !this.ended) return;
        this.watchers.delete(watch);
        if (re.test(this.text)) resolve(this.text);
        else reject(new Error(`the connection ended without ${re}: ${JSON.stringify(this.text.slice(0, 500))}`));
      };
      this.watchers.add(watch);
      watch();
    });
  }

  /** All status codes received so far. A body need not end with a line, so a head may follow it at once. */
  get statuses() {
    return [...this.text.matchAll(/HTTP\/1\.[01] (\d{3}) [^\r\n]*\r\n/g)].map((m) => Number(m[1]));
  }

  destroy() {
    this.socket.destroy();
  }
}

/** Resolves when new connections are refused. */
export async function refused(server) {
  for (;;) {
    const state = await new Promise((resolve) => {
      const socket = net.connect({ host: server.host, port: server.port });
      socket.on('connect', () => { socket.destroy(); resolve('open'); });
      socket.on('error', (e) => resolve(e.code));
    });
    if (state === 'ECONNREFUSED') return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The error type of a body in the family of its path. */
export const errorType = (family, json) => {
  if (typeof json.error !== 'object') return `no error object: ${JSON.stringify(json)}`;
  if (family === 'anthropic') return json.type === 'error' ? json.error.type : `not an Anthropic error: ${JSON.stringify(json)}`;
  return json.type === undefined && 'param' in json.error && 'code' in json.error ? json.error.type : `not an OpenAI error: ${JSON.stringify(json)}`;
};
