// The cases of the matrix (formats.md T-5 and more): what is asked, what the upstream must have seen, what must come back.
import assert from 'node:assert/strict';
import { thought } from '../fake/plan.mjs';
import { pdf, pdfSize, png, pngSize, wav } from '../media.mjs';
import { conversations } from './conversations.mjs';

const ask = (scenario, text = 'hello') => `[[fake:${scenario}]] ${text}`;
const city = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const two = [{ name: 'look', description: 'Looks.', parameters: city }, { name: 'see', description: 'Sees.', parameters: city }];
const now = [{ name: 'now', description: 'Tells the time.', parameters: { type: 'object', properties: {} } }];
const closed = {
  type: 'object', properties: { city: { type: 'string' }, size: { type: 'integer' } }, required: ['city', 'size'], additionalProperties: false,
};
const words = 'größe 😀 "quoted" \\ \u0001 你好';
const user = (text, extra = {}) => ({ user: text, ...extra });
const one = (text, extra = {}) => ({ turns: [user(text, extra)] });
const args = (call) => JSON.parse(call.args || '{}');

/** A tool loop: the first answer must hold these calls, then each gets its result. Gives both answers. */
async function loop(cell, q, scenario, names, results) {
  const first = await cell.ask({ ...q, ...one(ask(scenario)) });
  assert.deepEqual(first.calls.map((c) => c.name), names, 'the calls');
  cell.finish(first, 'tool_calls');
  const ids = first.calls.map((c) => c.id).filter((id) => id !== null);
  assert.equal(new Set(ids).size, ids.length, 'call ids are unique');
  const back = first.calls.map((c, k) => ({ id: c.id, name: c.name, ...results[k] }));
  const second = await cell.ask({ ...q, turns: [user(ask(scenario)), { answer: first }, { results: back }] });
  const { history } = cell.seen();
  assert.deepEqual(history.calls.map((c) => [c.name, c.args]), first.calls.map((c) => [c.name, args(c)]), 'the calls went back as they came');
  cell.finish(second, 'stop');
  return [first, second];
}

/**
 * Each case: what it is called, what a client's format must be able to say for it, and how it runs over one cell.
 * A cell gives ask(question), seen() (the last request as the fake read it), finish(answer, reason) and the names of both sides.
 */
export const cases = {
  'plain text': {
    rule: '2',
    async run(cell) {
      const a = await cell.ask(one(ask('echo', words)));
      assert.equal(a.text, `echo: ${ask('echo', words)}`);
      assert.equal(cell.seen().userText, ask('echo', words));
      assert.equal(a.calls.length, 0);
      cell.finish(a, 'stop');
    },
  },
  'system text': {
    needs: ['system'], rule: 'IR-7, 4.2',
    async run(cell) {
      const a = await cell.ask({ system: 'You are kind.\n  "Very."', ...one(ask('system')) });
      assert.equal(a.text, 'system: You are kind.\n  "Very."');
      assert.equal(cell.seen().userText, ask('system'));
    },
  },
  'several turns': {
    needs: ['turns'], rule: 'IR-4',
    async run(cell) {
      const a = await cell.ask({ turns: [user('My name is Ann.'), { assistant: 'Hello, Ann.' }, user(ask('echo', 'Who am I?'))] });
      assert.equal(a.text, `echo: ${ask('echo', 'Who am I?')}`);
      assert.deepEqual(cell.seen().history.said, [['user', 'My name is Ann.'], ['assistant', 'Hello, Ann.'], ['user', ask('echo', 'Who am I?')]]);
    },
  },
  'tool loop, two parallel calls': {
    needs: ['tools'], rule: 'IR-9, EV-3, AN-12, GM-4, OR-4',
    async run(cell) {
      const [first, second] = await loop(cell, { tools: two }, 'two-tools', ['look', 'see'], [{ text: 'result 0' }, { text: '{"n":1}' }]);
      assert.deepEqual(first.calls.map((c) => args(c).city), ['Paris', 'Oslo 😀']);
      assert.match(second.text, /^results: \S+=result 0; \S+=\{"n":1\}$/);
      assert.deepEqual(cell.seen().tools, ['look', 'see']);
      assert.ok(first.bytes.includes('12345678901234567890'), 'a big integer keeps its digits (E-77)');
      // Clients that keep arguments as objects have rounded it themselves.
      if (cell.client.startsWith('openai-')) assert.ok(cell.bytes().includes('12345678901234567890'), 'and goes back with all of them');
    },
  },
  'a tool by name': {
    needs: ['tools', 'choice'], rule: '4.3, GM-13, OU-5',
    async run(cell) {
      await cell.ask({ tools: two, choice: 'see', ...one(ask('echo')) });
      const { choice, system } = cell.seen();
      if (cell.upstream === 'ollama') assert.match(system, /\bsee\b/, 'a system line asks for it');
      else assert.deepEqual(choice, { mode: 'required', names: ['see'] });
    },
  },
  'a call without arguments': {
    needs: ['tools'], rule: 'E-12',
    async run(cell) {
      const [first, second] = await loop(cell, { tools: now }, 'zero-tool', ['now'], [{ text: 'noon' }]);
      assert.deepEqual(args(first.calls[0]), {});
      assert.equal(second.text, 'results: noon');
    },
  },
  'image in': {
    needs: ['image'], rule: '4.9',
    async run(cell) {
      const a = await cell.ask(one(ask('image', 'what is it?'), { image: png }));
      assert.equal(a.text, `saw: image/png ${pngSize}`);
    },
  },
  'image in a tool result': {
    needs: ['tools', 'resultImage'], rule: 'OC-5, GM-6, AN-15',
    async run(cell) {
      await loop(cell, { tools: two }, 'two-tools', ['look', 'see'], [{ text: 'a picture', image: png }, { text: 'nothing' }]);
      assert.deepEqual(cell.seen().images.map((i) => [i.type, i.size]), [['image/png', pngSize]]);
      assert.match(cell.seen().history.results[0].text, /a picture/);
    },
  },
  'PDF in': {
    needs: ['pdf'], rule: '4.9',
    async run(cell, { dropped }) {
      const isNote = dropped?.includes('messages.file');
      const a = await cell.ask(one(ask(isNote ? 'echo' : 'pdf', 'read it'), { pdf }));
      if (isNote) {
        assert.ok(cell.seen().userText.startsWith(ask('echo', 'read it')), 'the text still comes first');
        assert.match(cell.seen().userText, /\n.*\bfile\b/, 'a note stands for the file');
      } else assert.equal(a.text, `read: application/pdf ${pdfSize}`);
    },
  },
  'JSON schema output': {
    needs: ['schema'], rule: 'OC-10, OR-7, AN-24, GM-17, OU-5',
    async run(cell) {
      const a = await cell.ask({ schema: closed, ...one(ask('schema')) });
      assert.deepEqual(JSON.parse(a.text), { city: 'text', size: 7 });
      assert.deepEqual(Object.keys(cell.seen().schema.properties), ['city', 'size']);
    },
  },
  'thinking, signature and replay': {
    needs: ['tools', 'think'], rule: 'IR-11, AN-20, GM-8, OR-5, RE-5', thinks: true,
    async run(cell) {
      const q = { think: true, tools: two };
      const [first, second] = await loop(cell, q, 'think-tools', ['look', 'see'], [{ text: 'fine' }, { text: 'good' }]);
      assert.equal(first.thinking, thought);
      assert.match(second.text, /^results: \S+=fine; \S+=good$/);
      // Without proofs the text itself goes back, while the loop lasts (OC-3, OU-3); a Gemini client has thrown it away.
      if (['openai-chat', 'ollama'].includes(cell.upstream) && cell.client !== 'gemini') assert.deepEqual(cell.seen().history.thoughts, [thought]);
      if (cell.client === cell.upstream && cell.client !== 'ollama' && cell.client !== 'openai-chat') {
        assert.equal(first.signatures.length, 1, 'the proof reaches the client');
        assert.deepEqual(cell.seen().history.thoughts, first.signatures, 'the proof goes back as it came');
      }
      const results = first.calls.map((c) => ({ id: c.id, name: c.name, text: 'fine' }));
      const third = await cell.ask({ ...q, turns: [user(ask('think-tools')), { answer: first }, { results }, { answer: second }, user(ask('echo', 'and now?'))] });
      assert.equal(third.text, `echo: ${ask('echo', 'and now?')}`);
    },
  },
  'length stop': {
    rule: '4.1, E-28, E-33',
    async run(cell) {
      const a = await cell.ask({ max: 64, ...one(ask('length')) });
      assert.equal(a.text, 'This text is cut off because');
      assert.equal(cell.seen().maxTokens, 64);
      cell.finish(a, 'length');
    },
  },
  'stop sequence': {
    needs: ['stops'], rule: '4.10, E-47',
    async run(cell) {
      const a = await cell.ask({ stops: ['END'], ...one(ask('stop-sequence')) });
      assert.equal(a.text, 'one two ');
      // Who cuts the text knows which words did it; most upstreams do not tell.
      const told = cell.upstream === 'anthropic' || cell.upstream === 'openai-responses';
      cell.finish(a, told ? 'stop_sequence' : 'stop');
      if (told && cell.client === 'anthropic') assert.equal(a.stopSequence, 'END');
    },
  },
  refusal: {
    rule: '4.1, E-100, AN-38',
    async run(cell) {
      const a = await cell.ask(one(ask('refusal')));
      assert.equal(a.refusal ?? a.text, 'I cannot help with that.');
      const reason = { 'openai-chat': 'refusal-part', 'openai-responses': 'refusal-part', anthropic: 'refusal', gemini: 'content_filter', ollama: 'stop' };
      cell.finish(a, reason[cell.upstream]);
    },
  },
  'error before the answer': {
    rule: '4.8, ER-1, E-38',
    async run(cell) {
      const e = await cell.fails(one(ask('error-400')), 400);
      assert.match(e.message, /fake: the request is bad/);
    },
  },
  'error within the answer': {
    rule: 'E-39, CC-15, RS-25, AC-17, GC-9, OL-6',
    async run(cell) {
      const q = one(ask('midstream-error'));
      if (!cell.stream) {
        const e = await cell.fails(q, 502);
        assert.ok(e.message.length > 0);
        return;
      }
      const a = await cell.ask(q);
      assert.match(a.error.message, /it broke in the middle/);
      assert.ok(a.text === '' || 'this begins well and then it breaks'.startsWith(a.text), a.text);
    },
  },
  'usage with cache': {
    needs: ['usage'], rule: '4.4, US-1',
    async run(cell) {
      const a = await cell.ask({ usage: true, ...one(ask('cache-usage')) });
      assert.equal(a.text, 'counted');
      const hit = { input: 1000, cached: 600, written: 0, output: 50 };
      const total = { anthropic: { ...hit, written: 100 }, ollama: { ...hit, cached: 0 } }[cell.upstream] ?? hit;
      const want = cell.usage(total);
      assert.deepEqual(Object.fromEntries(Object.keys(want).map((k) => [k, a.usage[k]])), want);
    },
  },
  'image by address': {
    needs: ['imageUrl'], rule: '4.9, GM-18, OU-1',
    async run(cell) {
      const a = await cell.ask(one(ask('image', 'what is it?'), { imageUrl: 'https://pictures.example/a.png' }));
      assert.equal(a.text, 'saw: url 0');
    },
  },
  'audio in': {
    needs: ['audio'], rule: '4.9, AN-16, OR-2',
    async run(cell) {
      await cell.ask(one(ask('echo', 'what is it?'), { audio: wav }));
      assert.match(cell.seen().files[0].type, /^audio\/wav$/);
    },
  },
  'sampling': {
    needs: ['sampling'], rule: 'AN-19, OR-10, GM-16, OC-15, OU-4',
    async run(cell) {
      const all = { temperature: 0.5, top_p: 0.75, top_k: 40, seed: 7, presence_penalty: 0.25, frequency_penalty: 0.125 };
      await cell.ask({ sampling: Object.fromEntries(cell.sampling.map((k) => [k, all[k]])), ...one(ask('echo')) });
      const sent = JSON.stringify(JSON.parse(cell.bytes()));
      for (const k of cell.sampling)
        assert.equal(sent.includes(`:${all[k]},`) || sent.includes(`:${all[k]}}`), !cell.dropped.includes(k), `${k} ${cell.dropped.includes(k) ? 'stays behind' : 'is carried'}`);
    },
  },
  ...conversations,
};
