// The strict fake upstream: OpenAI Chat Completions and Anthropic Messages on one loopback port.
// As a program it prints its port as one line; as a module, startFake() gives handles to look inside.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import * as anthropic from './anthropic.mjs';
import { Refusal, parseBody } from './check.mjs';
import * as openai from './openai-chat.mjs';
import { choose, planFor } from './plan.mjs';

export const openaiModels = [
  'gpt-4o', 'gpt-4o-mini', 'gpt-4.1', 'gpt-5', 'o4-mini', 'deepseek-chat', 'deepseek-reasoner', 'compat-chat',
];
export const anthropicModels = [
  'claude-3-5-haiku-20241022', 'claude-3-7-sonnet-20250219', 'claude-sonnet-4-5', 'claude-haiku-4-5', 'claude-opus-4-5', 'claude-opus-4-8', 'claude-opus-5-5',
];

const routes = {
  '/v1/chat/completions': { method: 'POST', format: openai, name: 'openai-chat' },
  '/v1/messages': { method: 'POST', format: anthropic, name: 'anthropic' },
  '/v1/messages/count_tokens': { method: 'POST', format: anthropic, name: 'anthropic', count: true },
  '/v1/models': { method: 'GET', list: true },
};
const keptBody = 1 << 20;
const noPause = () => turn();

/** Signatures this server gave out, with the thinking text each belongs to. */
class Signatures {
  #texts = new Map();
  #count = 0;

  issue(text) {
    const signature = Buffer.from(`fake-signature ${(this.#count += 1)} ${createHash('sha256').update(text).digest('hex')}`).toString('base64');
    this.#texts.set(signature, text);
    return signature;
  }

  text(signature) {
    return this.#texts.get(signature);
  }
}

class Fake {
  constructor(options) {
    this.openaiKey = options.openaiKey ?? 'sk-fake-openai';
    this.anthropicKey = options.anthropicKey ?? 'sk-ant-fake';
    this.models = { 'openai-chat': options.openaiModels ?? openaiModels, anthropic: options.anthropicModels ?? anthropicModels };
    /** Texts that must never reach an upstream, such as the client's own key. */
    this.forbidden = options.forbidden ?? [];
    this.signed = new Signatures();
    this.sockets = new Set();
    this.waiting = new Set();
    this.calls = 0;
    this.messages = 0;
    this.reset();
  }

  reset() {
    this.entries = [];
    this.queue = [];
  }

  /** Requests that were refused, with the reason. */
  get rejections() {
    return this.entries.filter((e) => e.rejection !== null);
  }

  /** The next requests answer by these scenarios ('name' or 'name:arg'), whatever they ask. */
  script(...names) {
    this.queue.push(...names.flat());
  }

  /** Lets every stream that is gated or stalled go on. */
  release() {
    for (const go of this.waiting) go();
    this.waiting.clear();
  }

  /** Resolves when n streams are gated or stalled. */
  whenGated(n) {
    return new Promise((resolve) => {
      this.gateWatch = { n, resolve };
      this.watchGate();
    });
  }

  watchGate() {
    if (this.gateWatch && this.waiting.size >= this.gateWatch.n) this.gateWatch.resolve();
  }

  hold(res) {
    return new Promise((resolve) => {
      this.waiting.add(resolve);
      this.watchGate();
      res.once('close', () => {
        this.waiting.delete(resolve);
        resolve();
      });
    });
  }

  ids(format) {
    return { call: () => format.callId((this.calls += 1)), message: () => format.messageId((this.messages += 1)) };
  }

  // ------------------------------------------------------------ one request

  async handle(req, res) {
    const address = new URL(req.url, 'http://fake');
    if (address.pathname.startsWith('/_fake/')) return this.control(req, res, address.pathname);
    const bytes = await readAll(req);
    const entry = this.record(req, address, bytes);
    res.on('close', () => {
      entry.closedEarly = !res.writableFinished;
      entry.eventsAtClose = entry.events;
      entry.close();
    });
    const route = routes[address.pathname];
    const byHeader = req.headers['anthropic-version'] !== undefined ? anthropic : openai;
    const format = route?.format ?? byHeader;
    entry.format = format === anthropic ? 'anthropic' : 'openai-chat';
    try {
      const plan = this.accept(req, address, route, format, bytes, entry);
      await this.answer(res, format, plan, entry);
    } catch (e) {
      if (!(e instanceof Refusal)) throw e;
      entry.rejection = e.message;
      entry.status = e.status;
      this.send(res, e.status, format.errorBody(e.status, e.message, { type: e.type, code: e.code, param: e.path || null }));
    }
  }

  record(req, address, bytes) {
    const entry = {
      n: this.entries.length, method: req.method, path: address.pathname, query: address.search, headers: req.headers,
      rawHeaders: req.rawHeaders, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex'),
      body: bytes.subarray(0, keptBody).toString('utf8'), format: null, scenario: null, status: 200, rejection: null,
      events: 0, eventsAtClose: null, closedEarly: null,
    };
    Object.defineProperty(entry, 'closed', { enumerable: false, value: new Promise((resolve) => {
      Object.defineProperty(entry, 'close', { enumerable: false, value: resolve });
    }) });
    this.entries.push(entry);
    return entry;
  }

  /** Checks everything a request can be refused for; gives the plan of its answer. */
  accept(req, address, route, format, bytes, entry) {
    if (!route) throw new Refusal('', `no such path: ${address.pathname}`, { status: 404 });
    if (req.method !== route.method) throw new Refusal('', `method ${req.method} is not allowed here`, { status: 405 });
    const key = format === anthropic ? this.anthropicKey : this.openaiKey;
    format.validateHeaders(req.headers, key);
    const all = `${req.url}\n${req.rawHeaders.join('\n')}\n`;
    for (const secret of this.forbidden)
      if (all.includes(secret) || bytes.includes(secret)) throw new Refusal('', 'the request carries what must not leave the gateway');
    if (!(req.headers['user-agent'] ?? '').trim()) throw new Refusal('', 'user-agent is missing');
    if (route.list) return { list: true };
    if (!/^application\/json(; *charset=utf-8)?$/i.test(req.headers['content-type'] ?? ''))
      throw new Refusal('', `content-type must be application/json, got ${req.headers['content-type']}`);
    const query = [...address.searchParams.keys()];
    if (query.some((k) => !(format === anthropic && k === 'beta'))) throw new Refusal('', `unknown query: ${address.search}`);
    const body = parseBody(bytes);
    format.validate(body, { headers: req.headers, signed: this.signed, count: route.count === true });
    const known = this.models[route.name];
    if (!known.includes(body.model.replace(/--.*$/, '')) && !/^fake-/.test(body.model))
      throw format === anthropic
        ? new Refusal('', `model: ${body.model}`, { status: 404 })
        : new Refusal('', `The model \`${body.model}\` does not exist or you do not have access to it.`, { status: 404, code: 'model_not_found' });
    const read = format.read(body);
    entry.model = body.model;
    if (route.count) return { count: 10 + JSON.stringify(body.messages).length };
    const queued = this.queue.shift();
    const [name, ...rest] = queued ? queued.split(':') : [];
    const choice = queued ? { name, arg: rest.length > 0 ? rest.join(':') : undefined } : choose(read);
    entry.scenario = choice.name;
    const plan = planFor(read, choice, this.ids(format));
    if (plan.refuse) throw new Refusal('', plan.refuse);
    if (plan.thinking) plan.signature = this.signed.issue(plan.thinking.join(''));
    plan.streamed = read.stream;
    return plan;
  }

  // ------------------------------------------------------------ answers

  send(res, status, body, headers = {}) {
    const bytes = Buffer.from(JSON.stringify(body));
    const id = `req_fake${this.entries.length}`;
    res.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length, 'request-id': id, 'x-request-id': id, ...headers });
    res.end(bytes);
  }

  async answer(res, format, plan, entry) {
    if (plan.list) return this.send(res, 200, format.models(this.models[entry.format]));
    if (plan.count !== undefined) return this.send(res, 200, { input_tokens: plan.count });
    const fault = plan.fault?.kind;
    if (fault === 'status') return this.answerStatus(res, format, plan.fault, entry);
    if (fault === 'html') return this.answerHtml(res, plan.fault, entry);
    if (fault === 'error-json-200') return this.send(res, 200, format.errorBody(500, 'fake: an error in a 200'));
    if (fault === 'stall-head') {
      await this.hold(res);
      if (res.destroyed) return undefined;
    }
    return plan.streamed ? this.answerStream(res, format, plan, entry) : this.answerWhole(res, format, plan, entry);
  }

  answerStatus(res, format, fault, entry) {
    entry.status = fault.status;
    const context = format === anthropic
      ? ['prompt is too long: 200001 tokens > 200000 maximum', {}]
      : ["This model's maximum context length is 128000 tokens. However, your messages resulted in 128001 tokens.", { code: 'context_length_exceeded', param: 'messages' }];
    const [message, extra] = fault.context ? context : [fault.message, {}];
    this.send(res, fault.status, format.errorBody(fault.status, message, extra), fault.headers);
  }

  answerHtml(res, fault, entry) {
    entry.status = fault.status;
    res.writeHead(fault.status, { 'content-type': 'text/html' });
    res.end('<!DOCTYPE html><html><head><title>Bad gateway at the fake edge</title></head><body><h1>secret-html-body</h1></body></html>');
  }

  async answerWhole(res, format, plan, entry) {
    const fault = plan.fault?.kind;
    const bytes = Buffer.from(JSON.stringify(format.whole(plan)));
    if (fault === 'gated' || fault === 'stall-mid') await this.hold(res);
    if (res.destroyed) return;
    if (fault === 'truncated' || fault === 'reset' || fault === 'midstream-error') {
      res.writeHead(200, { 'content-type': 'application/json', 'content-length': bytes.length });
      res.write(bytes.subarray(0, bytes.length >> 1));
      await turn();
      res.destroy();
      return;
    }
    entry.events = 1;
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': bytes.length, 'request-id': 'req_fake', 'x-request-id': 'req_fake' });
    res.end(bytes);
  }

  async answerStream(res, format, plan, entry) {
    res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', 'request-id': 'req_fake', 'x-request-id': 'req_fake' });
    const put = async (bytes, pause = noPause) => {
      if (res.destroyed) return;
      if (!res.write(bytes)) await drained(res, entry);
      entry.events += 1;
      await pause();
    };
    const fault = faults[plan.fault?.kind] ?? faults.none;
    await fault({ res, put, format, plan, events: format.stream(plan), fake: this, closed: entry.closed });
    if (!res.destroyed) res.end();
  }

  // ------------------------------------------------------------ control

  async control(req, res, path) {
    const bytes = await readAll(req);
    if (path === '/_fake/log') return this.send(res, 200, { requests: this.entries, rejections: this.rejections.map((e) => ({ n: e.n, path: e.path, reason: e.rejection })) });
    if (req.method !== 'POST') return this.send(res, 405, {});
    if (path === '/_fake/reset') this.reset();
    else if (path === '/_fake/script') this.script(JSON.parse(bytes.toString()));
    else if (path === '/_fake/release') this.release();
    else return this.send(res, 404, {});
    return this.send(res, 200, { ok: true });
  }
}

/** How a stream goes wrong: each gets the whole list of events and writes what it wants of them. */
const faults = {
  none: async ({ put, events }) => {
    for (const e of events) await put(e.bytes);
  },
  crumbs: async ({ put, events, res }) => {
    const all = Buffer.concat(events.map((e) => Buffer.from(e.bytes)));
    res.socket?.setNoDelay(true);
    for (let i = 0; i < all.length; i += 7) await put(all.subarray(i, i + 7));
  },
  crlf: async ({ put, events }) => {
    await put('\ufeff: a comment\r\nid: 1\r\nretry: 1000\r\n');
    for (const e of events) await put(e.bytes.replaceAll('\n', '\r\n'));
  },
  surrogates: async ({ put, events, format, plan }) => {
    await upTo(put, events, 'body', 2);
    for (const escaped of ['\\ud83d', '\\ude00', ' \\ud83d\\ude00 ', 'x']) await put(format.textEvent(escaped, plan));
    await rest(put, events, 2);
  },
  'bad-utf8': async ({ put, events, format, plan }) => {
    await upTo(put, events, 'body', 2);
    const [before, after] = format.textEvent('@@', plan).split('@@');
    await put(Buffer.concat([Buffer.from(before), Buffer.from([0x61, 0xff, 0xc3, 0x28, 0x62]), Buffer.from(after)]));
    await rest(put, events, 2);
  },
  'huge-line': async ({ put, res, events, format, plan }) => {
    await upTo(put, events, 'body', 2);
    const [before, after] = format.textEvent('@@', plan).split('@@');
    await put(before);
    const block = Buffer.alloc(Math.min(plan.fault.bytes, 1 << 20), 'x');
    for (let left = plan.fault.bytes; left > 0 && !res.destroyed; left -= block.length) await put(block.subarray(0, left));
    await put(after);
    await rest(put, events, 2);
  },
  'error-first': async ({ put, format }) => {
    await put(format.errorEvent(529, 'Overloaded'));
  },
  'midstream-error': async ({ put, events, format }) => {
    await upTo(put, events, 'body', 4);
    await put(format.errorEvent(529, 'fake: it broke in the middle'));
  },
  truncated: async ({ put, events }) => {
    await upTo(put, events, 'body', 4);
  },
  reset: async ({ put, events, res }) => {
    await upTo(put, events, 'body', 4);
    await turn();
    res.destroy();
  },
  'no-end': async ({ put, events }) => {
    for (const e of events.filter((o) => o.kind !== 'end')) await put(e.bytes);
  },
  'stall-mid': (tools) => faults.gated(tools),
  gated: async ({ put, events, res, fake }) => {
    await upTo(put, events, 'body', 2);
    await fake.hold(res);
    await rest(put, events, 2);
  },
  endless: async ({ put, res, format, plan, closed }) => {
    for (const bytes of format.endlessHead(plan)) await put(bytes);
    const pause = () => Promise.race([closed, sleep(plan.fault.period, undefined, { ref: false })]);
    while (!res.destroyed) await put(format.textEvent('tick ', plan), pause);
  },
};

/** Writes the events before the body and the first n of the body. */
async function upTo(put, events, kind, n) {
  let seen = 0;
  for (const e of events) {
    if (e.kind === kind && (seen += 1) > n) return;
    if (e.kind === 'finish') return;
    await put(e.bytes);
  }
}

/** Writes what upTo left. */
async function rest(put, events, n) {
  let seen = 0;
  for (const e of events) {
    if (e.kind === 'head') continue;
    if (e.kind === 'body' && (seen += 1) <= n) continue;
    await put(e.bytes);
  }
}

const drained = (res, entry) => Promise.race([entry.closed, new Promise((resolve) => res.once('drain', resolve))]);

async function readAll(req) {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/**
 * Starts the fake on a free loopback port. Options: openaiKey, anthropicKey, openaiModels, anthropicModels, forbidden.
 * Gives {fake, port, origin, openaiBase, close()}.
 */
export async function startFake(options = {}) {
  const fake = new Fake(options);
  const server = createServer({ keepAliveTimeout: 60_000 }, (req, res) => {
    fake.handle(req, res).catch((e) => {
      if (e.code === 'ECONNRESET' || res.destroyed) return;
      fake.entries.at(-1).rejection = `the fake itself failed: ${e.stack}`;
      res.destroy();
    });
  });
  server.on('connection', (socket) => {
    fake.sockets.add(socket);
    socket.on('close', () => fake.sockets.delete(socket));
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', 1024, resolve));
  const { port } = server.address();
  const close = () => {
    fake.release();
    for (const socket of fake.sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  };
  return { fake, port, origin: `http://127.0.0.1:${port}`, openaiBase: `http://127.0.0.1:${port}/v1`, close };
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { port } = await startFake({ openaiKey: process.env.FAKE_OPENAI_KEY, anthropicKey: process.env.FAKE_ANTHROPIC_KEY });
  process.stdout.write(`${port}\n`);
}
