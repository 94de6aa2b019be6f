// How a stream goes wrong on the wire. Formats render events (head, body, finish, end); a fault decides which of them are written, and what between.
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';

/** How a stream goes wrong: each gets the whole list of events and writes what it wants of them. */
export const faults = {
  none: async ({ put, events }) => {
    for (const e of events) await put(e.bytes);
  },
  crumbs: async ({ put, events, res }) => {
    const all = Buffer.concat(events.map((e) => Buffer.from(e.bytes)));
    res.socket?.setNoDelay(true);
    for (let i = 0; i < all.length; i += 7) await put(all.subarray(i, i + 7));
  },
  crlf: async ({ put, events, format }) => {
    // What may come before the first event is an affair of event streams alone.
    if (format.framing !== 'lines') await put('\ufeff: a comment\r\nid: 1\r\nretry: 1000\r\n');
    for (const e of events) await put(e.bytes.replace(/\r?\n/g, '\r\n'));
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
  'error-first': async ({ put, format, plan }) => {
    await put(format.errorEvent(529, 'Overloaded', plan, true));
  },
  'midstream-error': async ({ put, events, format, plan }) => {
    await upTo(put, events, 'body', 4);
    await put(format.errorEvent(529, 'fake: it broke in the middle', plan));
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
