// More cases of the matrix: conversations as clients really hold them (formats.md section 5), and streams as they really come.
import assert from 'node:assert/strict';
import { thought, unicodeText } from '../fake/plan.mjs';
import { png, pngSize } from '../media.mjs';

const ask = (scenario, text = 'hello') => `[[fake:${scenario}]] ${text}`;
const city = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const tools = [{ name: 'look', description: 'Looks.', parameters: city }];
const user = (text) => ({ user: text });

/** What an assistant said and called, in the words of every format: a history no answer of this run gave. */
function said(text, calls = []) {
  const of = (c) => JSON.stringify(c.args);
  return {
    answer: {
      text, thinking: '', calls: calls.map((c) => ({ ...c, args: of(c) })),
      blocks: [...(text ? [{ type: 'text', text }] : []), ...calls.map((c) => ({ type: 'tool_use', id: c.id, name: c.name, input: c.args }))],
      items: [
        ...(text ? [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text, annotations: [] }] }] : []),
        ...calls.map((c) => ({ type: 'function_call', call_id: c.id, name: c.name, arguments: of(c) })),
      ],
      parts: [...(text ? [{ text }] : []), ...calls.map((c) => ({ functionCall: { id: c.id, name: c.name, args: c.args } }))],
    },
  };
}
const look = (id, where) => ({ id, name: 'look', args: { city: where } });
const result = (id, text, name = 'look') => ({ id, name, text });

/** Cases marked `gateway` come out well only with a gateway between; `foreign` ones ask what a vendor refuses in its own format. */
export const conversations = {
  'system text later on': {
    needs: ['turns', 'laterSystem'], rule: 'IR-7, 4.2, AN-3, GM-2',
    async run(cell) {
      const a = await cell.ask({ turns: [user('Hi.'), { assistant: 'Hello.' }, { system: 'Speak softly.' }, user(ask('echo', 'go on'))] });
      assert.match(a.text, /go on/);
      const seen = cell.seen();
      const kept = ['openai-chat', 'openai-responses', 'ollama'].includes(cell.upstream);
      if (kept) assert.match(seen.system, /Speak softly\./);
      else {
        assert.equal(seen.system, '', 'it does not move to the top (E-55)');
        assert.match(seen.userText, /<system-reminder>\s*Speak softly\.\s*<\/system-reminder>/);
      }
    },
  },
  'two questions in a row': {
    needs: ['turns'], rule: 'AN-4, GM-3, E-62',
    async run(cell) {
      await cell.ask({ turns: [user('First.'), user(ask('echo', 'second'))] });
      const texts = cell.seen().history.said.map(([, text]) => text).join('\n');
      assert.match(texts, /^First\.[^]*second$/);
    },
  },
  'a call nobody answered': {
    needs: ['tools'], gateway: true, rule: 'E-41, AN-13, GM-4, OR-4, OC-6',
    async run(cell) {
      const a = await cell.ask({ tools, turns: [user('Look.'), said('', [look('call_1', 'Paris')]), user(ask('echo', 'never mind'))] });
      assert.match(a.text, /never mind/);
      const { history } = cell.seen();
      assert.deepEqual(history.calls.map((c) => c.args), [{ city: 'Paris' }]);
    },
  },
  'one answer of two is missing': {
    needs: ['tools'], gateway: true, rule: 'E-46, AN-13, GM-4, OR-4, OC-6',
    async run(cell) {
      await cell.ask({ tools, turns: [user('Look.'), said('', [look('call_1', 'Paris'), look('call_2', 'Oslo')]), { results: [result('call_1', 'sunny')] }, user(ask('echo', 'and?'))] });
      assert.ok(cell.seen().history.results.some((r) => r.text === 'sunny'));
    },
  },
  'a result nobody asked for': {
    needs: ['tools'], gateway: true, rule: 'E-42, AN-14, GM-4, OR-4, OC-6',
    async run(cell) {
      const a = await cell.ask({ tools, turns: [user('Look.'), { assistant: 'Why?' }, { results: [result('call_9', 'sunny in Paris')] }, user(ask('echo', 'so?'))] });
      assert.match(a.text, /so\?/);
      assert.ok(JSON.stringify(cell.seen().history).includes('sunny in Paris'), 'what it says is not lost');
    },
  },
  'answers in another order': {
    needs: ['tools', 'callIds'], rule: 'E-43, AN-12, GM-5',
    async run(cell) {
      const calls = [look('call_1', 'Paris'), look('call_2', 'Oslo')];
      const a = await cell.ask({ tools, turns: [user(ask('two-tools')), said('', calls), { results: [result('call_2', 'rain'), result('call_1', 'sun')] }] });
      const { results, calls: seen } = cell.seen().history;
      const byId = Object.fromEntries(results.map((r) => [r.id, r.text]));
      const told = seen.every((c) => c.id !== null) ? seen.map((c) => byId[c.id]) : results.map((r) => r.text);
      assert.deepEqual(told, ['sun', 'rain'], 'each call has its own result');
      assert.match(a.text, /^results: /);
    },
  },
  'text beside a call': {
    needs: ['tools'], rule: 'IR-4, CC-1, AC-5',
    async run(cell) {
      const first = await cell.ask({ tools, turns: [user(ask('text-tools'))] });
      assert.equal(first.text, 'I will look that up.');
      assert.ok(first.calls.length > 0);
      const results = first.calls.map((c) => ({ id: c.id, name: c.name, text: 'fine' }));
      await cell.ask({ tools, turns: [user(ask('text-tools')), { answer: first }, { results }] });
      assert.ok(cell.seen().history.said.some(([role, text]) => role === 'assistant' && text === 'I will look that up.'));
    },
  },
  'call ids of another shape': {
    needs: ['tools', 'freeIds'], rule: 'E-52, AN-7, 4.6',
    async run(cell) {
      const ids = ['call_a|fc_b.1', 'call_a|fc_b:1'];
      await cell.ask({ tools, turns: [user(ask('two-tools')), said('', [look(ids[0], 'Paris'), look(ids[1], 'Oslo')]), { results: [result(ids[0], 'sun'), result(ids[1], 'rain')] }] });
      const { calls, results } = cell.seen().history;
      const told = calls.filter((c) => c.id !== null).map((c) => c.id);
      assert.equal(new Set(told).size, told.length, 'two ids stay two');
      assert.deepEqual(results.map((r) => r.text), ['sun', 'rain']);
    },
  },
  'a tool name of another shape': {
    needs: ['tools', 'freeNames'], rule: 'E-53, NM-1, IR-15',
    async run(cell) {
      const names = ['files.read:all', `mcp__server__${'x'.repeat(50)}`];
      const own = names.map((name) => ({ ...tools[0], name }));
      const first = await cell.ask({ tools: own, turns: [user(ask('two-tools'))] });
      assert.deepEqual(first.calls.map((c) => c.name), names, 'the client reads its own names');
      const results = first.calls.map((c) => ({ id: c.id, name: c.name, text: 'fine' }));
      const second = await cell.ask({ tools: own, turns: [user(ask('two-tools')), { answer: first }, { results }] });
      assert.match(second.text, /^results: /);
      const { tools: declared, history } = cell.seen();
      assert.deepEqual(history.calls.map((c) => c.name), declared, 'the upstream reads one name for each');
    },
  },
  'the same call id in two turns': {
    needs: ['tools', 'repeatedIds'], rule: 'E-51', foreign: true,
    async run(cell) {
      const round = (where, text) => [said('', [look('call_0', where)]), { results: [result('call_0', text)] }];
      const a = await cell.ask({ tools, turns: [user(ask('two-tools')), ...round('Paris', 'sun'), ...round('Oslo', 'rain')] });
      assert.match(a.text, /^results: .*rain$/);
      assert.deepEqual(cell.seen().history.results.map((r) => r.text), ['sun', 'rain']);
    },
  },
  'a picture under another name': {
    needs: ['image'], rule: 'E-60', foreign: true,
    async run(cell) {
      const a = await cell.ask({ turns: [{ ...user(ask('image', 'what is it?')), image: png, imageType: 'image/jpeg' }] });
      assert.equal(a.text, `saw: image/png ${pngSize}`);
    },
  },
  'thinking and a forced tool': {
    needs: ['tools', 'think', 'choice'], rule: 'E-75, AN-18', foreign: true,
    async run(cell) {
      await cell.ask({ think: true, tools, choice: 'look', turns: [user(ask('echo'))] });
      assert.deepEqual(cell.seen().tools, ['look']);
    },
  },
  'thinking and a temperature': {
    needs: ['think', 'sampling'], rule: 'E-76, AN-18, OC-8', foreign: true,
    async run(cell) {
      const a = await cell.ask({ think: true, sampling: { temperature: 0.5 }, turns: [user(ask('think'))] });
      assert.equal(a.text, 'The answer is four.');
      assert.equal(a.thinking, thought);
    },
  },
  'an answer begun': {
    needs: ['turns'], rule: 'AN-5, AN-6, GM-3',
    async run(cell) {
      await cell.ask({ turns: [user(ask('echo', 'Count.')), { assistant: 'One, two,' }] });
      assert.ok(cell.seen().history.said.some(([, text]) => text === 'One, two,'));
    },
  },
  'text cut anywhere': {
    rule: 'E-1, E-2, EV-4',
    async run(cell) {
      assert.equal((await cell.ask({ turns: [user(ask('unicode'))] })).text, unicodeText);
      // Within one format the upstream's own bytes reach the client, halves of characters too.
      if (!cell.stream || cell.client === cell.upstream) return;
      assert.equal((await cell.ask({ turns: [user(ask('surrogates'))] })).text, 'ok😀 😀 x');
      assert.equal((await cell.ask({ turns: [user(ask('crlf'))] })).text, unicodeText);
    },
  },
  'an answer cut off': {
    gateway: true, rule: 'EV-6, E-39, E-8',
    async run(cell) {
      const q = { turns: [user(ask('truncated'))] };
      if (!cell.stream) {
        await cell.fails(q, 502);
        return;
      }
      const a = await cell.ask(q);
      assert.ok(a.error.message.length > 0, 'never a fake normal finish');
      assert.ok('this text never comes to its end'.startsWith(a.text), a.text);
    },
  },
  'too long a question': {
    rule: 'ER-5, 4.8',
    async run(cell) {
      const e = await cell.fails({ turns: [user(ask('error-context'))] }, 400);
      if (cell.client === 'anthropic') {
        assert.equal(e.type, 'invalid_request_error');
        assert.match(e.message, /prompt is too long/);
      } else if (cell.client.startsWith('openai-')) assert.equal(e.code, 'context_length_exceeded');
      else if (cell.client === 'gemini') assert.equal(e.type, 'INVALID_ARGUMENT');
    },
  },
  'too many questions': {
    rule: '4.8, ER-6, RT-6',
    async run(cell) {
      const e = await cell.fails({ turns: [user(ask('error-429'))] }, 429);
      assert.match(e.message, /slow down/);
      assert.equal(e.retryAfter, '7');
      const type = { anthropic: 'rate_limit_error', gemini: 'RESOURCE_EXHAUSTED', ollama: null }[cell.client];
      assert.equal(e.type, type === undefined ? 'rate_limit_error' : type);
    },
  },
};
