// One cell of the matrix on its way through the program, or straight to the fake.
import assert from 'node:assert/strict';
import { request } from '../wire.mjs';
import { clients, upstreams } from './table.mjs';

/** How each API wants its key; the gateway takes a bearer from anybody (RT-4). */
const credentials = (format, key) => (format === 'gemini' ? { 'x-goog-api-key': key, 'user-agent': 'test' } : { authorization: `Bearer ${key}`, 'user-agent': 'test' });

const streamType = { gemini: (asked) => (asked.array ? /^application\/json/ : /^text\/event-stream/), ollama: () => /^application\/x-ndjson/ };

/** One cell on its way: asks in the client's words, reads with the client's checker, looks into the fake. */
export class Cell {
  /** `server` is the gateway, or the fake itself when `direct`: then nothing is checked that only a gateway adds. */
  constructor({ server, fake, cell, way, key, direct = false }) {
    const { client, upstream, verdict } = cell;
    Object.assign(this, { server, fake, client, upstream, way, stream: way.stream, key, direct, dropped: verdict.drop ?? [], lost: new Set() });
    this.format = clients[client];
    this.sampling = this.format.sampling;
    this.usage = this.format.usage;
  }

  async send(q) {
    const model = upstreams[this.upstream][q.think ? 'thinks' : 'plain'];
    const { path, body, asked } = this.format.build(q, { model, ...this.way });
    const headers = { 'content-type': 'application/json', ...credentials(this.direct ? this.client : null, this.key), ...this.format.headers };
    const answer = await request(this.server, { method: 'POST', path, headers, body: JSON.stringify(body) });
    this.sent = `${path} ${JSON.stringify(body)}`;
    return { answer, asked };
  }

  async ask(q) {
    const { answer, asked } = await this.send(q);
    assert.equal(answer.status, 200, `${answer.text}\nthe fake: ${this.rejections()}\nasked: ${this.sent}`);
    const dropped = (answer.headers['x-llm-mux-dropped'] ?? '').split(', ').filter(Boolean);
    for (const field of dropped) this.lost.add(field);
    if (!this.stream) {
      assert.match(answer.headers['content-type'], /^application\/json/, 'RT-6');
      return { ...this.format.checker.whole(answer.json, asked), bytes: answer.text };
    }
    assert.match(answer.headers['content-type'], streamType[this.client]?.(asked) ?? /^text\/event-stream/, 'RT-6');
    if (!this.direct)
      assert.deepEqual([answer.headers['cache-control'], answer.headers['x-accel-buffering'], answer.headers['content-length']], ['no-cache', 'no', undefined], 'RT-7');
    return { ...this.format.checker.stream(answer.text, { ...asked, spliced: this.client === this.upstream }), bytes: answer.text };
  }

  async fails(q, status) {
    const { answer } = await this.send(q);
    assert.equal(answer.status, status, answer.text);
    return { ...this.format.checker.failure(answer.status, answer.headers, answer.json), retryAfter: answer.headers['retry-after'] };
  }

  seen() {
    return this.fake.entries.at(-1).seen;
  }

  /** The last request to the upstream, as it came. */
  bytes() {
    return this.fake.entries.at(-1).body;
  }

  finish(a, reason) {
    assert.equal(a.finish, this.format.finishes[reason], `finish for ${reason} (4.1)`);
  }

  rejections() {
    return this.fake.rejections.map((e) => `${e.path}: ${e.rejection}\n${e.body.slice(0, 3000)}`).join('\n');
  }
}
