// The strict fake upstream: every format an upstream can speak, on one loopback port.
// As a program it prints its port as one line; as a module, startFake() gives handles to look inside.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import * as anthropic from './anthropic.mjs';
import { Refusal, parseBody } from './check.mjs';
import { faults } from './faults.mjs';
import * as gemini from './gemini.mjs';
import * as ollama from './ollama.mjs';
import * as openai from './openai-chat.mjs';
import * as embeddings from './openai-embeddings.mjs';
import * as responses from './openai-responses.mjs';
import { choose, planFor } from './plan.mjs';
import { stringify } from './raw.mjs';

/** A format is a module: name, routes, models, key, and the functions that validate, read and answer. */
export const formats = [anthropic, openai, responses, embeddings, gemini, ollama];
const routes = formats.flatMap((format) => format.routes.map((route) => ({ ...route, format })));

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
    this.geminiKey = options.geminiKey ?? 'fake-gemini-key';
    this.ollamaKey = options.ollamaKey ?? 'fake-ollama-key';
    this.models = Object.fromEntries(formats.map((format) => [format.name, options.models?.[format.name] ?? format.catalogue]));
    /** Texts that must never reach an upstream, such as the client's own key. */
    this.forbidden = options.forbidden ?? [];
    /** Whether to refuse also what the real APIs take and the gateway does not send. */
    this.ours = options.ours ?? true;
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
    const route = findRoute(req, address.pathname);
    const { format } = route;
    entry.format = format.name;
    try {
      const plan = this.accept(req, address, route, bytes, entry);
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

  /** Checks everything a request can be refused for; gives the plan of its answer, or {whole} when no scenario is involved. */
  accept(req, address, route, bytes, entry) {
    const { format, op } = route;
    if (!op) throw new Refusal('', `no such path: ${address.pathname}`, { status: 404 });
    if (req.method !== route.method) throw new Refusal('', `method ${req.method} is not allowed here`, { status: 405 });
    this.checkHead(req, address, route, bytes);
    const call = route.call?.(route.found, address) ?? {};
    const body = req.method === 'POST' ? format.canonical?.(parseBody(bytes)) ?? parseBody(bytes) : null;
    if (body) format.validate(body, { headers: req.headers, signed: this.signed, op, call, ours: this.ours });
    const model = call.model ?? body?.model ?? body?.name;
    const known = this.models[format.name];
    if (model !== undefined && !known.includes(model.replace(/--.*$/, '')) && !/^fake-/.test(model)) throw format.noModel(model);
    entry.model = model;
    if (op !== 'chat') return { whole: format.answers[op]({ body, call, model, models: known }) };
    const read = { ...format.read(body, call), ...(call.model ? { model } : {}) };
    entry.seen = read;
    return this.plan(read, format, call, entry);
  }

  /** What the head of a request can be refused for. */
  checkHead(req, address, { format, method, queries = [] }, bytes) {
    format.validateHeaders(req.headers, this[format.key]);
    const all = `${req.url}\n${req.rawHeaders.join('\n')}\n`;
    for (const secret of this.forbidden)
      if (all.includes(secret) || bytes.includes(secret)) throw new Refusal('', 'the request carries what must not leave the gateway');
    if (!(req.headers['user-agent'] ?? '').trim()) throw new Refusal('', 'user-agent is missing');
    if ([...address.searchParams.keys()].some((k) => !queries.includes(k))) throw new Refusal('', `unknown query: ${address.search}`);
    if (method === 'GET') return;
    if (!/^application\/json(; *charset=utf-8)?$/i.test(req.headers['content-type'] ?? ''))
      throw new Refusal('', `content-type must be application/json, got ${req.headers['content-type']}`);
  }

  plan(read, format, call, entry) {
    const queued = this.queue.shift();
    const [name, ...rest] = queued ? queued.split(':') : [];
    const choice = queued ? { name, arg: rest.length > 0 ? rest.join(':') : undefined } : choose(read);
    entry.scenario = choice.name;
    const plan = planFor(read, choice, this.ids(format));
    if (plan.refuse) throw new Refusal('', plan.refuse);
    Object.assign(plan, { call, asked: read });
    if (format.seal) format.seal(plan, this.signed);
    else if (plan.thinking) plan.signature = this.signed.issue(plan.thinking.join(''));
    plan.streamed = read.stream;
    return plan;
  }

  // ------------------------------------------------------------ answers

  send(res, status, body, headers = {}) {
    const bytes = Buffer.from(typeof body === 'string' ? body : stringify(body));
    const id = `req_fake${this.entries.length}`;
    res.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length, 'request-id': id, 'x-request-id': id, ...headers });
    res.end(bytes);
  }

  async answer(res, format, plan, entry) {
    if (plan.whole) return this.send(res, 200, plan.whole);
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
    const [message, extra] = fault.context ? format.tooLong : [fault.message, {}];
    this.send(res, fault.status, format.errorBody(fault.status, message, extra), fault.headers);
  }

  answerHtml(res, fault, entry) {
    entry.status = fault.status;
    res.writeHead(fault.status, { 'content-type': 'text/html' });
    res.end('<!DOCTYPE html><html><head><title>Bad gateway at the fake edge</title></head><body><h1>secret-html-body</h1></body></html>');
  }

  async answerWhole(res, format, plan, entry) {
    const fault = plan.fault?.kind;
    const bytes = Buffer.from(stringify(format.whole(plan)));
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
    res.writeHead(200, { 'content-type': format.streamType?.(plan) ?? 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', 'request-id': 'req_fake', 'x-request-id': 'req_fake' });
    const put = async (bytes, pause = noPause) => {
      if (res.destroyed) return;
      if (!res.write(bytes)) await drained(res, entry);
      entry.events += 1;
      plan.sent = entry.events;
      await pause();
    };
    const fault = faults[plan.fault?.kind] ?? faults.none;
    await fault({ res, put, format, plan, events: format.stream(plan, stringify), fake: this, closed: entry.closed });
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

/** The route of a request; for a path nobody knows, the format whose error shape the caller will understand. */
function findRoute(req, path) {
  const matching = routes.map((route) => ({ ...route, found: route.path.exec(path) })).filter((r) => r.found && (r.when?.(req.headers) ?? true));
  const found = matching.find((r) => r.method === req.method) ?? matching[0];
  if (found) return found;
  const byPath = formats.find((format) => format.ground?.test(path));
  return { format: byPath ?? (req.headers['anthropic-version'] === undefined ? openai : anthropic) };
}

const drained = (res, entry) => Promise.race([entry.closed, new Promise((resolve) => res.once('drain', resolve))]);

async function readAll(req) {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/**
 * Starts the fake on a free loopback port. Options: openaiKey, anthropicKey, geminiKey, ollamaKey, models (by format), forbidden, ours.
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
