// The client-side checkers are themselves tested: what real servers and the fake say is right, and what is broken in one place is not.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as anthropic from './check/anthropic.mjs';
import { Broken } from './check/base.mjs';
import * as gemini from './check/gemini.mjs';
import * as ollama from './check/ollama.mjs';
import * as chat from './check/openai-chat.mjs';
import * as completions from './check/openai-completions.mjs';
import * as responses from './check/openai-responses.mjs';
import * as fakeAnthropic from './fake/anthropic.mjs';
import * as fakeGemini from './fake/gemini.mjs';
import * as fakeOllama from './fake/ollama.mjs';
import * as fakeChat from './fake/openai-chat.mjs';
import * as fakeResponses from './fake/openai-responses.mjs';
import { stringify } from './fake/raw.mjs';
import { answers, noFixtures, streams } from './fixtures.mjs';

// ---------------------------------------------------------------- recorded answers

const recordings = { anthropic, gemini, ollama, 'openai-chat': chat, 'openai-completions': completions, 'openai-responses': responses };

/** Recorded answers that break a rule the gateway must keep: [name, the checker's words, why]. */
const deviations = [
  [/./, /logprobs is missing/, 'newer answers leave logprobs out'],
  [/open-ai-function-calls|simple-lcel|tensorzero/, /refusal is missing|content is null/, 'from before refusals'],
  [/openai-moderation-stream/, /follows the usage/, 'a moderation chunk comes last'],
  [/azure-model-router/, /object is/, 'the first chunk of Azure names nothing (OC-32)'],
  [/openai-completion-text/, /usage was not asked for/, 'the request was not recorded'],
  [/mcp-list-tools-stream/, /while another is open/, 'OR-38: overlapping items'],
  [/openai-custom-tool/, /sequence_number undefined/, 'cut by the recorder'],
  [/reasoning-encrypted-content|openai-shell-tool/, /after the end/, 'two answers in one recording'],
  [/openai-shell-container\.1/, /does not repeat/, 'cut by the recorder'],
  [/programmatic-tool-calling/, /status in_progress/, 'a call whose program goes on'],
  [/background-mode/, /status queued/, 'not finished yet'],
  [/document-as-binary|openai-responses-model-retry/, /reasoning\.effort/, 'from before reasoning'],
  [/usage-limit-exceeded/, /response\.id is missing|usageMetadata is missing/, 'an answer to a count'],
  [/spliced-message-start/, /second message_start/, 'AN-35: made to show the failure'],
  [/count-tokens|usage-limit/, /message\.id is missing|usageMetadata is missing/, 'an answer to a count'],
  [/anthropic-json-(other-)?tool/, /stop_sequence is missing/, 'made by hand'],
  [/builtin-tools/, /candidatesTokenCount is missing/, 'E-102'],
  [/stream-tool-call-arguments/, /promptTokenCount is missing/, 'E-102'],
  [/multiple-agent-tool-calls/, /responseId is missing/, 'an old model'],
  [/streaming-generation-legacy|streaming-generation-with|ollama-metrics/, /prompt_eval_count is undefined/, 'OU-6: the prompt was cached'],
];

const used = new Set();

function fits(row, look) {
  const request = row.requestFile ? JSON.parse(row.request()) : null;
  const text = row.bytes().toString();
  const asked = { usage: request?.stream_options?.include_usage === true, thinking: true, generate: /generate$/.test(row.url_path ?? ''), spliced: true, array: text.startsWith('[') };
  try {
    look(text, asked);
  } catch (e) {
    if (!(e instanceof Broken)) throw e;
    const known = deviations.find(([name, words]) => name.test(row.name) && words.test(e.message));
    assert.ok(known, e.message);
    used.add(known);
  }
}

for (const [format, checker] of Object.entries(recordings))
  describe(`recorded ${format}`, { skip: noFixtures }, () => {
    for (const row of streams(format)) test(`stream ${row.name}`, () => fits(row, checker.stream));
    for (const row of answers(format))
      test(`whole ${row.name}`, () => fits(row, (text, asked) => (asked.array ? checker.stream(text, asked) : checker.whole(JSON.parse(text), asked))));
  });

test('every known deviation was seen', { skip: noFixtures }, () => {
  assert.deepEqual(deviations.filter((d) => !used.has(d)).map(String), []);
});

// ---------------------------------------------------------------- the fake's answers, whole and broken in one place

const usage = { uncached: 300, read: 600, write5m: 60, write1h: 40, output: 50, reasoning: 20 };
const plan = (format, extra) => ({
  id: format.messageId(1), model: 'm', text: [], calls: [], thinking: null, finish: 'stop', usage, usageWanted: true, call: {}, asked: {}, signature: 'c2ln', ...extra,
});
const calls = [{ id: 'call_a', name: 'look', args: ['{"city":', '"Paris"}'] }, { id: 'call_b', name: 'see', args: [] }];
const plans = {
  text: { text: ['Hel', 'lo'] },
  all: { thinking: ['Let me', ' think'], text: ['Well'], calls, finish: 'tool_calls' },
  refusal: { text: ['I cannot', ' do that'], finish: 'refusal' },
  length: { text: ['cut'], finish: 'length' },
  'stop sequence': { text: ['one'], finish: 'stop_sequence', stopSequence: 'END' },
};
const asked = { usage: true, thinking: true };
const kinds = {
  'openai-chat': [fakeChat, chat], anthropic: [fakeAnthropic, anthropic], 'openai-responses': [fakeResponses, responses], gemini: [fakeGemini, gemini], ollama: [fakeOllama, ollama],
};
const streamOf = (format, what) => format.stream(plan(format, plans[what]), stringify).map((e) => e.bytes).join('');
const wholeOf = (format, what) => JSON.parse(stringify(format.whole(plan(format, plans[what]))));

for (const [name, [format, checker]] of Object.entries(kinds))
  describe(`the fake's ${name}`, () => {
    for (const what of Object.keys(plans))
      test(`${what}, whole and streamed, are one answer`, () => {
        const a = checker.whole(wholeOf(format, what), asked);
        const b = checker.stream(streamOf(format, what), asked);
        for (const k of ['id', 'model', 'text', 'thinking', 'refusal', 'finish', 'stopSequence', 'usage', 'signatures']) assert.deepEqual(b[k], a[k], k);
        const parsed = (list) => list.map((c) => [c.id, c.name, JSON.parse(c.args || '{}')]);
        assert.deepEqual(parsed(b.calls), parsed(a.calls));
        assert.equal(a.calls.length, what === 'all' ? 2 : 0);
        assert.equal(b.refusal ?? b.text, plans[what].text.join(''));
      });
    test('an error within the stream', () => {
      const events = format.stream(plan(format, plans.text), stringify);
      const sent = events.findIndex((e) => e.kind === 'finish');
      const cut = events.slice(0, sent).map((e) => e.bytes).join('');
      const said = (how) => checker.stream(cut + format.errorEvent(529, 'it broke', plan(format, { ...plans.text, sent })), { ...asked, ...how });
      // The live Responses API sends what no gateway may, but hand on.
      if (name === 'openai-responses') assert.throws(() => said({}), /RS-25/);
      assert.equal(said({ spliced: true }).error.message, 'it broke');
    });
    test('an error before the stream', () => {
      const e = checker.failure(429, { 'request-id': 'x' }, format.errorBody(429, 'slow down'));
      assert.deepEqual([e.status, e.message], [429, 'slow down']);
    });
  });

/** Cuts, repeats and moves events of a stream. */
const events = (text) => text.split(/(?<=\n\r?\n)/);
const lines = (text) => text.split(/(?<=\n)/);
const join = (list) => list.join('');
const without = (re, split = events) => (text) => join(split(text).filter((e) => !re.test(e)));
const twice = (re, split = events) => (text) => join(split(text).flatMap((e) => (re.test(e) ? [e, e] : [e])));
const replace = (re, by) => (text) => {
  assert.match(text, re);
  return text.replace(re, by);
};
const last = (re, split = events) => (text) => {
  const list = split(text);
  return join([...list.filter((e) => !re.test(e)), ...list.filter((e) => re.test(e))]);
};
const append = (more) => (text) => text + more;
const chop = (n) => (text) => text.slice(0, -n);

const sseFaults = [
  ['the last empty line is missing', 'GC-7', chop(1)],
  ['two data lines in one event', 'CC-17', replace(/\n\n/, '\ndata: {}\n\n')],
  ['no space after the colon', 'CC-17', replace(/data: /, 'data:')],
  ['an id line', 'CC-17', replace(/data: /, 'id: 1\ndata: ')],
  ['an event without data', 'CC-16', (text) => `event: ping\n\n${text}`],
];

/** One fault for every rule: words, the rule a checker must name, what is done to the stream `all` (or another). */
const faults = {
  'openai-chat': [
    ...sseFaults,
    ['an event line', 'CC-17', replace(/data: /, 'event: chunk\ndata: ')],
    ['[DONE] is missing', 'E-9', without(/\[DONE\]/)],
    ['[DONE] twice', 'E-9', twice(/\[DONE\]/)],
    ['something after [DONE]', 'E-9', append('data: {}\n\n')],
    ['no role at first', 'CC-12', without(/"role"/)],
    ['the id changes', 'CC-6', replace(/(chatcmpl-fake0000)01(.*\n\n.*)\1/s, '$101$2$199')],
    ['created in milliseconds', 'E-95', replace(/"created":1735689600/g, '"created":1735689600000')],
    ['the object of a whole answer', 'CC-4', replace(/chat\.completion\.chunk/g, 'chat.completion')],
    ['no finish', 'CC-12', without(/"finish_reason":"|"choices":\[\]/)],
    ['two finishes', 'E-21', twice(/"finish_reason":"/)],
    ['content after the finish', 'E-21', (text) => { const list = events(text); return join([...list.slice(0, -3), list.at(-3), list[1], ...list.slice(-2)]); }],
    ['no finish_reason key', 'CC-12', replace(/,"finish_reason":null/, '')],
    ['an empty finish_reason', '4.1', replace(/"finish_reason":null/, '"finish_reason":""')],
    ['a foreign finish_reason', '4.1', replace(/"finish_reason":"tool_calls"/, '"finish_reason":"tool_use"')],
    ['the name twice', 'CC-13', replace(/"index":0,"function":{"arg/, '"index":0,"function":{"name":"look","arg')],
    ['the id twice', 'CC-13', replace(/"tool_calls":\[{"index":0,"function"/, '"tool_calls":[{"index":0,"id":"call_a","function"')],
    ['calls counted from one', 'CC-13', replace(/"tool_calls":\[{"index":0/g, '"tool_calls":[{"index":2')],
    ['no name in the first piece', 'CC-13', replace(/"name":"look",/, '')],
    ['arguments as an object', 'CC-5', replace(/"arguments":""/, '"arguments":{}')],
    ['no usage that was asked for', 'CC-11', without(/"choices":\[\]/)],
    ['usage in every chunk', 'CC-11', replace(/"usage":null/, '"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}')],
    ['usage before the finish', 'CC-11', last(/"finish_reason":"|DONE/)],
    ['a sum that is none', '4.4', replace(/"total_tokens":\d+/, '"total_tokens":1')],
    ['more cached than sent', 'US-1', replace(/"cached_tokens":600/, '"cached_tokens":1001')],
  ],
  anthropic: [
    ...sseFaults,
    ['no event name', 'AC-11', replace(/event: ping\n/, '')],
    ['another event name', 'AC-11', replace(/event: message_stop/, 'event: message_end')],
    ['no message_start', 'AC-10', without(/event: message_start/)],
    ['a second message_start', 'AC-12', twice(/event: message_start/)],
    ['no message_stop', 'AC-10', without(/event: message_stop/)],
    ['something after message_stop', 'AC-17', last(/event: ping/)],
    ['no message_delta', 'AC-10', without(/event: message_delta/)],
    ['a block starts twice', 'AC-10', twice(/content_block_start.*"index":1/)],
    ['a block stops twice', 'AC-10', twice(/content_block_stop.*"index":1/)],
    ['a block never starts', 'AC-10', without(/content_block_start.*"index":1/)],
    ['a block never stops', 'AC-10', without(/content_block_stop.*"index":1/)],
    ['two calls of one index (E-26)', 'AC-10', replace(/"index":3/g, '"index":2')],
    ['a gap in the numbers', 'AC-10', replace(/"index":3/g, '"index":4')],
    ['a delta after its block', 'AC-10', last(/"text_delta"|message_delta|message_stop/)],
    ['text in a call', 'AC-10', replace(/"type":"input_json_delta","partial_json":""/, '"type":"text_delta","text":"x"')],
    ['no signature', 'AC-13', without(/signature_delta/)],
    ['two signatures', 'AC-13', twice(/signature_delta/)],
    ['thinking after its signature', 'AC-13', (text) => { const list = events(text); const k = list.findIndex((e) => /signature_delta/.test(e)); return join([...list.slice(0, k + 1), list[k - 1], ...list.slice(k + 1)]); }],
    ['a call that starts with an input', 'AC-14', replace(/"input":{}/, '"input":{"a":1}')],
    ['arguments cut off', 'AC-14', replace(/"partial_json":"\\"Paris\\"}"/, '"partial_json":"\\"Par"')],
    ['an empty text block', 'AC-5', without(/"text_delta"/)],
    ['null stop_reason', 'AC-16', replace(/"stop_reason":"tool_use"/, '"stop_reason":null')],
    ['calls that end the turn', 'AC-16', replace(/"stop_reason":"tool_use"/, '"stop_reason":"end_turn"')],
    ['no stop_sequence', 'AC-16', replace(/("stop_reason":"tool_use"),"stop_sequence":null/, '$1')],
    ['no output count', 'AC-15', replace(/"usage":{"output_tokens":50}/, '"usage":{}')],
    ['[DONE]', 'AC-11', append('data: [DONE]\n\n')],
  ],
  'openai-responses': [
    ...sseFaults,
    ['no event name', 'RS-22', replace(/event: response\.completed\n/, '')],
    ['[DONE]', 'RS-22', append('data: [DONE]\n\n')],
    ['a named [DONE]', 'RS-23', append('event: done\ndata: [DONE]\n\n')],
    ['a gap in the numbers', '2.3', without(/response\.in_progress/)],
    ['created is not the first', 'RS-22', (text) => { const [a, b, ...more] = events(text); return join([b, a, ...more]).replace('"sequence_number":1', '"sequence_number":0'); }],
    ['no end', 'RS-24', without(/response\.completed/)],
    ['something after the end', 'RS-24', append('event: keepalive\ndata: {"type":"keepalive","sequence_number":99}\n\n')],
    ['completed that is incomplete', 'RS-24', replace(/("type":"response\.completed".*?)"status":"completed"/, '$1"status":"incomplete"')],
    ['an error event', 'RS-25', replace(/event: response\.completed\ndata: {"type":"response\.completed"/, 'event: error\ndata: {"type":"error"')],
    ['an unknown event', 'RS-22', replace(/response\.output_text\.done/g, 'response.output_text.finished')],
    ['an output index not added', 'RS-22', replace(/(output_text\.delta","sequence_number":\d+,"item_id":"[^"]*","output_index":)1/, '$17')],
    ['another item id', 'RS-22', replace(/(output_text\.delta","sequence_number":\d+,"item_id":")/, '$1other_')],
    ['a content index not added', 'RS-22', replace(/("content_index":)0,"delta"/, '$11,"delta"')],
    ['a delta of another kind', 'RS-22', replace(/response\.output_text\.delta/g, 'response.refusal.delta')],
    ['done without its text', 'RS-20', replace(/("text":")Well(","logprobs":\[\]})/, '$1$2')],
    ['item done without its text', 'RS-20', replace(/(output_item\.done.*"text":")Well/, '$1')],
    ['arguments not repeated', 'RS-20', replace(/(arguments\.done.*"arguments":")[^}]*/, '$1{')],
    ['the output left out at the end', 'RS-20', replace(/(response\.completed.*)"output":\[.*?\],"parallel/, '$1"output":[],"parallel')],
    ['a call added with its arguments', '2.3', replace(/("type":"function_call","status":"in_progress","arguments":")/, '$1{}')],
    ['a message added as completed', '2.3', replace(/("type":"message","status":)"in_progress"/, '$1"completed"')],
    ['usage without its parts', 'RS-12', replace(/"input_tokens_details":{[^}]*},/, '')],
    ['no echo of the request', 'RS-8', replace(/"parallel_tool_calls":true,/, '')],
    ['an item id that is the call id', 'RS-10', replace(/"call_a"/g, '"fc_fake000001_2"')],
  ],
  gemini: [
    ['the last empty line is missing', 'GC-7', chop(2)],
    ['an event line', 'GC-4', replace(/data: /, 'event: chunk\r\ndata: ')],
    ['[DONE]', 'GC-4', append('data: [DONE]\r\n\r\n')],
    ['no finish', 'GC-4', without(/finishReason/)],
    ['two finishes', 'GC-4', twice(/finishReason/)],
    ['content after the finish', 'GC-4', last(/"Well"/)],
    ['a foreign finish', '4.1', replace(/"finishReason":"STOP"/, '"finishReason":"stop"')],
    ['no usage', 'GC-4', replace(/,"usageMetadata":{.*?},"modelVersion"/, ',"modelVersion"')],
    ['usage without candidates at the end', 'E-102', replace(/"candidatesTokenCount":\d+,/g, '')],
    ['the response id changes', 'GC-4', replace(/fakeGemini000001/, 'other')],
    ['no model version', 'GC-4', replace(/"modelVersion":"m",/, '')],
    ['args as text', 'GC-6', replace(/"args":{}/, '"args":"{}"')],
    ['a call without name', 'GC-6', replace(/"name":"look",/, '')],
    ['a part with nothing', '2.5', replace(/{"text":"Well"}/, '{}')],
    ['another role', '2.5', replace(/"role":"model"/, '"role":"assistant"')],
    ['something after an error', 'GC-9', (text) => `data: {"error":{"code":500,"message":"x","status":"INTERNAL"}}\r\n\r\n${text}`],
    ['an error without status', 'GC-9', (text) => `${events(text)[0]}data: {"error":{"code":500,"message":"x"}}\r\n\r\n`],
  ],
  ollama: [
    ['the last line is not ended', 'OL-5', chop(1)],
    ['an empty line', 'OL-5', replace(/\n/, '\n\n')],
    ['an event stream', 'OL-5', replace(/^/gm, 'data: ')],
    ['no done', 'OL-6', without(/"done":true/, lines)],
    ['two done', 'OL-6', twice(/"done":true/, lines)],
    ['something after done', 'OL-6', last(/"Well"/, lines)],
    ['done with content', 'OL-5', replace(/"content":""},"done":true/, '"content":"x"},"done":true')],
    ['no done_reason', 'OL-7', replace(/"done_reason":"stop",/, '')],
    ['a foreign done_reason', 'OL-7', replace(/"done_reason":"stop"/, '"done_reason":"tool_calls"')],
    ['no counts', '2.6', replace(/"prompt_eval_count":\d+,/, '')],
    ['a fraction of a nanosecond', '2.6', replace(/"total_duration":\d+/, '"total_duration":1.5')],
    ['created_at as a number', 'OL-5', replace(/"created_at":"[^"]*"/, '"created_at":1')],
    ['arguments as text', 'OL-5', replace(/"arguments":{}/, '"arguments":"{}"')],
    ['calls counted wrongly', 'OL-5', replace(/"index":1/, '"index":0')],
    ['null content', 'OL-5', replace(/"content":""/, '"content":null')],
    ['the model changes', 'OL-5', replace(/"model":"m"/, '"model":"n"')],
    ['something after an error', 'OL-6', (text) => `{"error":"x"}\n${text}`],
  ],
};

for (const [name, list] of Object.entries(faults))
  describe(`broken ${name}`, () => {
    const [format, checker] = kinds[name];
    for (const [what, rule, spoil] of list)
      test(`${what} (${rule})`, () => {
        const spoilt = spoil(streamOf(format, 'all'));
        assert.throws(() => checker.stream(spoilt, asked), (e) => {
          assert.ok(e instanceof Broken, e.stack);
          assert.equal(e.rule, rule, e.message);
          return true;
        });
      });
  });

/** One fault in a whole answer: words, rule, change. */
const wholeFaults = {
  'openai-chat': [
    ['no logprobs', 'CC-4', (v) => { delete v.choices[0].logprobs; }],
    ['no refusal', 'CC-4', (v) => { delete v.choices[0].message.refusal; }],
    ['arguments as an object', 'CC-5', (v) => { v.choices[0].message.tool_calls[0].function.arguments = {}; }],
    ['null content without calls', 'CC-4', (v) => { delete v.choices[0].message.tool_calls; v.choices[0].message.content = null; v.choices[0].finish_reason = 'stop'; }],
    ['tool_calls without calls', 'OC-27', (v) => { delete v.choices[0].message.tool_calls; }],
    ['an empty list of calls', 'E-98', (v) => { v.choices[0].message.tool_calls = []; }],
    ['created as a fraction', 'E-95', (v) => { v.created = 1.5; }],
  ],
  anthropic: [
    ['no stop_sequence', 'AC-4', (v) => { delete v.stop_sequence; }],
    ['input as text', 'AC-6', (v) => { v.content.at(-1).input = '{}'; }],
    ['an empty text', 'AC-5', (v) => { v.content[1].text = ''; }],
    ['thinking last', 'AC-5', (v) => { v.content.push(v.content.shift()); }],
    ['thinking without signature', 'AC-8', (v) => { delete v.content[0].signature; }],
    ['tool_use without calls', 'AC-16', (v) => { v.content.splice(2); }],
    ['no output count', 'AC-15', (v) => { delete v.usage.output_tokens; }],
  ],
  'openai-responses': [
    ['no echo', 'RS-8', (v) => { delete v.truncation; }],
    ['an error though completed', 'RS-11', (v) => { v.error = { code: 'x', message: 'y' }; }],
    ['incomplete without reason', 'RS-11', (v) => { v.status = 'incomplete'; }],
    ['no reasoning count', 'RS-12', (v) => { delete v.usage.output_tokens_details; }],
    ['an id of another prefix', 'RS-10', (v) => { v.id = 'chatcmpl-1'; }],
    ['two items of one id', 'RS-10', (v) => { v.output[3].id = v.output[2].id; }],
    ['a message without annotations', 'RS-9', (v) => { delete v.output[1].content[0].annotations; }],
  ],
  gemini: [
    ['no finish', 'GC-4', (v) => { delete v.candidates[0].finishReason; }],
    ['no candidates count', 'E-102', (v) => { delete v.usageMetadata.candidatesTokenCount; }],
    ['a blocked prompt with an answer', 'GC-10', (v) => { v.promptFeedback = { blockReason: 'SAFETY' }; }],
  ],
  ollama: [
    ['not done', 'OL-6', (v) => { v.done = false; }],
    ['no message', 'OL-5', (v) => { delete v.message; }],
    ['an empty list of calls', 'OL-5', (v) => { v.message.tool_calls = []; }],
  ],
};

for (const [name, list] of Object.entries(wholeFaults))
  describe(`broken whole ${name}`, () => {
    const [format, checker] = kinds[name];
    for (const [what, rule, spoil] of list)
      test(`${what} (${rule})`, () => {
        const v = wholeOf(format, 'all');
        spoil(v);
        assert.throws(() => checker.whole(v, asked), (e) => e instanceof Broken && e.rule === rule);
      });
  });

describe('what depends on the question', () => {
  const chunk = (extra) => `data: ${JSON.stringify({ id: 'cmpl-1', object: 'text_completion', created: 1, model: 'm', choices: [{ text: 'x', index: 0, logprobs: null, finish_reason: null }], ...extra })}\n\n`;
  const end = (index = 0) => chunk({ choices: [{ text: '', index, logprobs: null, finish_reason: 'stop' }] });
  const counts = chunk({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } });
  const done = 'data: [DONE]\n\n';

  test('completions: two choices, usage when asked (CO-1, CO-4)', () => {
    const other = chunk({ choices: [{ text: 'y', index: 1, logprobs: null, finish_reason: null }] });
    assert.deepEqual(completions.stream(chunk() + other + end(1) + end() + counts + done, { usage: true }).texts, ['x', 'y']);
    for (const [rule, text, question] of [
      ['CC-11', chunk() + end() + done, { usage: true }],
      ['CC-11', chunk() + end() + counts + done, {}],
      ['E-9', chunk() + end(), {}],
      ['CO-4', chunk() + other + end() + done, {}],
      ['E-21', chunk() + end() + end() + done, {}],
      ['CO-4', chunk({ choices: [{ text: 'x', index: 0 }] }) + end() + done, {}],
      ['CO-3', chunk({ object: 'chat.completion.chunk' }) + end() + done, {}],
    ])
      assert.throws(() => completions.stream(text, question), (e) => e.rule === rule, rule);
    const whole = { id: 'cmpl-1', object: 'text_completion', created: 1, model: 'm', choices: [{ text: 'x', index: 0, logprobs: null, finish_reason: 'stop' }] };
    assert.equal(completions.whole(whole).text, 'x');
    assert.throws(() => completions.whole({ ...whole, choices: [{ ...whole.choices[0], finish_reason: 'tool_calls' }] }), /4\.1/);
    assert.throws(() => completions.whole({ ...whole, choices: [{ ...whole.choices[0], index: 1 }] }), /CO-1/);
  });

  test('chat: usage nobody asked for, null usage in a spliced stream (CC-11)', () => {
    const text = join(events(streamOf(fakeChat, 'text')).filter((e) => !/"choices":\[\]/.test(e)));
    assert.throws(() => chat.stream(text, {}), /CC-11/);
    assert.equal(chat.stream(text, { spliced: true }).text, 'Hello');
  });

  test('gemini: a thought nobody asked for (GC-8)', () => {
    assert.throws(() => gemini.stream(streamOf(fakeGemini, 'all'), {}), /GC-8/);
    assert.throws(() => gemini.whole(wholeOf(fakeGemini, 'all'), {}), /GC-8/);
  });

  test('gemini: one JSON array (GC-5)', () => {
    const array = fakeGemini.stream(plan(fakeGemini, { ...plans.text, call: { array: true } }), stringify).map((e) => e.bytes).join('');
    assert.equal(gemini.stream(array, { array: true }).text, 'Hello');
    for (const bad of [array.slice(0, -1), array.slice(1), array.replaceAll(',\r\n', ''), array.replaceAll(',\r\n', ','), '[]', streamOf(fakeGemini, 'text')])
      assert.throws(() => gemini.stream(bad, { array: true }), /GC-5/);
    assert.equal(gemini.failure(429, {}, [fakeGemini.errorBody(429, 'x')]).type, 'RESOURCE_EXHAUSTED');
    assert.throws(() => gemini.failure(500, {}, fakeGemini.errorBody(429, 'x')), /GC-9/);
  });

  test('gemini: a blocked prompt (GC-10)', () => {
    const blocked = plan(fakeGemini, { ...plans.refusal, blocked: true });
    assert.equal(gemini.whole(fakeGemini.whole(blocked)).finish, 'PROHIBITED_CONTENT');
    assert.equal(gemini.stream(fakeGemini.stream(blocked, stringify).map((e) => e.bytes).join('')).finish, 'PROHIBITED_CONTENT');
  });

  test('ollama: generate answers hold a response', () => {
    const one = plan(fakeOllama, { ...plans.text, call: { generate: true } });
    assert.equal(ollama.whole(JSON.parse(stringify(fakeOllama.whole(one))), { generate: true }).text, 'Hello');
    assert.equal(ollama.stream(fakeOllama.stream(one, stringify).map((e) => e.bytes).join(''), { generate: true }).text, 'Hello');
    assert.throws(() => ollama.stream(streamOf(fakeOllama, 'text'), { generate: true }), /OL-5/);
    assert.equal(ollama.whole({ model: 'm', created_at: '2025-01-01T00:00:00Z', message: { role: 'assistant', content: '' }, done_reason: 'load', done: true }).finish, 'load');
  });

  test('anthropic: an error without its request id (RT-6)', () => {
    assert.throws(() => anthropic.failure(400, {}, fakeAnthropic.errorBody(400, 'x')), /RT-6/);
    assert.throws(() => anthropic.failure(400, { 'request-id': 'x' }, fakeChat.errorBody(400, 'x')), /AC-17/);
  });

  test('responses: a failed response (RS-25)', () => {
    const [created] = events(streamOf(fakeResponses, 'text'));
    const failed = (error) => {
      const response = { ...JSON.parse(/data: (.*)/.exec(created)[1]).response, status: 'failed', error };
      return `${created}event: response.failed\ndata: ${JSON.stringify({ type: 'response.failed', sequence_number: 1, response })}\n\n`;
    };
    assert.equal(responses.stream(failed({ code: 'server_error', message: 'it broke' })).error.message, 'it broke');
    assert.throws(() => responses.stream(failed({ message: 'it broke' })), /RS-25/);
  });
});
