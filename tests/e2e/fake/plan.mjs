// Scenarios: what the fake answers, in words all formats share. A plan is rendered by the format's file; a fault is done by the server.
import { sample } from './check.mjs';

export const unicodeText = 'Grüße, 你好, 👩‍👩‍👧‍👦 and 😀 done';
export const thought = 'Let me think: 2 + 2 = 4. 🤔 So the answer is four.';

/** Usage of the ordinary scenarios: easy numbers, no cache. */
const plainUsage = { uncached: 12, read: 0, write5m: 0, write1h: 0, output: 7, reasoning: 0 };
/** 300 fresh + 600 read + 100 written to the cache = 1000 in all (US-1). */
export const cacheUsage = { uncached: 300, read: 600, write5m: 60, write1h: 40, output: 50, reasoning: 20 };

/** Cuts a text into pieces of n characters, never inside one. */
export const pieces = (text, n = 5) => {
  const chars = [...text];
  const out = [];
  for (let i = 0; i < chars.length; i += n) out.push(chars.slice(i, i + n).join(''));
  return out;
};

const say = (text) => ({ text: pieces(text), finish: 'stop' });

const directive = /\[\[fake:([a-z0-9-]+)(?::([^\]]*))?\]\]/;
const named = /(?:--|^fake-)([a-z0-9-]+?)(?::(.*))?$/;

/** Name and argument of the scenario a request asks for: by words in its last user text, or by its model name. */
export function choose(req) {
  const found = directive.exec(req.userText) ?? named.exec(req.model);
  return found ? { name: found[1], arg: found[2] } : { name: 'echo', arg: undefined };
}

const twoArgs = [['{"ci', 'ty":"Pa', 'ris"}'], ['{"city":', '"Oslo 😀","n":', '12345678901234567890}']];

function tools(req, ids, thinking) {
  if (req.results.length > 0) {
    const told = req.results.map((r) => `${r.id}=${r.error ? 'ERROR ' : ''}${r.text}`).join('; ');
    return { ...thinking, ...say(`results: ${told}`) };
  }
  if (req.tools.length === 0) return { refuse: 'this scenario needs tools in the request' };
  const names = [req.tools[0], req.tools[1] ?? req.tools[0]].slice(0, req.parallel ? 2 : 1);
  return {
    ...thinking,
    calls: names.map((name, k) => ({ id: ids.call(), name, args: twoArgs[k] })),
    finish: 'tool_calls',
  };
}

/** A call of the named tool with the given arguments, "NAME BASE64" (agents quote prompts), then words about its result; without that tool, words. */
function use(req, ids, arg = '') {
  const [name, args] = arg.split(' ');
  if (!args) return { refuse: 'this scenario needs the name of a tool and its arguments' };
  if (req.results.length > 0) return say(`used: ${req.results.map((r) => r.text).join('; ')}`);
  if (!req.tools.includes(name)) return say('A title');
  return { calls: [{ id: ids.call(), name, args: pieces(Buffer.from(args, 'base64').toString()) }], finish: 'tool_calls' };
}

const think = (req) => (req.thinking ? { thinking: pieces(thought, 9) } : {});
const status = (code, extra = {}) => () => ({ fault: { kind: 'status', status: code, ...extra } });

/** Every scenario: request -> parts of a plan. `fault` names what goes wrong on the wire. */
export const scenarios = {
  echo: (req) => say(`echo: ${req.userText}`),
  system: (req) => say(`system: ${req.system}`),
  unicode: () => ({ ...say(unicodeText), fault: { kind: 'crumbs' } }),
  surrogates: () => ({ ...say('ok'), fault: { kind: 'surrogates' } }),
  crlf: () => ({ ...say(unicodeText), fault: { kind: 'crlf' } }),
  'two-tools': (req, ids) => tools(req, ids, {}),
  'text-tools': (req, ids) => (req.results.length > 0 ? tools(req, ids, {}) : { ...tools(req, ids, {}), text: pieces('I will look that up.') }),
  use,
  'zero-tool': (req, ids, arg) => {
    if (req.results.length > 0) return say(`results: ${req.results.map((r) => r.text).join('; ')}`);
    if (req.tools.length === 0) return { refuse: 'this scenario needs tools in the request' };
    return { calls: [{ id: ids.call(), name: req.tools[0], args: arg === 'braces' ? ['{}'] : [], rawEmpty: arg !== 'braces' }], finish: 'tool_calls' };
  },
  schema: (req) => {
    if (!req.schema) return { refuse: 'this scenario needs a JSON schema in the request' };
    return say(JSON.stringify(sample(req.schema)));
  },
  think: (req) => ({ ...think(req), ...say('The answer is four.') }),
  'think-tools': (req, ids) => tools(req, ids, think(req)),
  image: (req) => {
    if (req.images.length === 0) return { refuse: 'this scenario needs an image in the request' };
    return say(`saw: ${req.images.map((i) => `${i.type} ${i.size}`).join(', ')}`);
  },
  pdf: (req) => {
    if (req.files.length === 0) return { refuse: 'this scenario needs a file in the request' };
    return say(`read: ${req.files.map((f) => `${f.type} ${f.size}`).join(', ')}`);
  },
  'cache-usage': () => ({ ...say('counted'), usage: cacheUsage }),
  refusal: () => ({ text: pieces('I cannot help with that.'), finish: 'refusal' }),
  blocked: () => ({ text: pieces('I cannot help with that.'), finish: 'refusal', blocked: true }),
  length: () => ({ text: pieces('This text is cut off because'), finish: 'length' }),
  'stop-sequence': (req) => {
    // A format that has no stop sequences leaves the cut to the caller (E-47).
    if (req.stops === null) return say('one two END three');
    if (req.stops.length === 0) return { refuse: 'this scenario needs a stop sequence in the request' };
    return { ...say('one two '), finish: 'stop_sequence', stopSequence: req.stops[0] };
  },

  'error-400': status(400, { message: 'fake: the request is bad' }),
  'error-context': status(400, { context: true }),
  'error-401': status(401, { message: 'fake: this key is refused' }),
  'error-402': status(402, { message: 'fake: no credit left' }),
  'error-403': status(403, { message: 'fake: not allowed' }),
  'error-404': status(404, { message: 'fake: no such model' }),
  'error-413': status(413, { message: 'fake: the request is too large' }),
  'error-429': status(429, { message: 'fake: slow down', headers: { 'retry-after': '7' } }),
  'error-500': status(500, { message: 'fake: internal failure' }),
  'error-503': status(503, { message: 'fake: unavailable', headers: { 'retry-after': '3' } }),
  'error-529': status(529, { message: 'Overloaded' }),
  html: (req, ids, arg) => ({ fault: { kind: 'html', status: Number(arg ?? 502) } }),
  'error-first': () => ({ ...say('never seen'), fault: { kind: 'error-first' } }),
  'error-json-200': () => ({ fault: { kind: 'error-json-200' } }),
  'midstream-error': () => ({ ...say('this begins well and then it breaks'), fault: { kind: 'midstream-error' } }),
  truncated: () => ({ ...say('this text never comes to its end'), fault: { kind: 'truncated' } }),
  reset: () => ({ ...say('this text never comes to its end'), fault: { kind: 'reset' } }),
  'no-end': () => ({ ...say('complete but for the end marker'), fault: { kind: 'no-end' } }),
  'stall-head': () => ({ ...say('never seen'), fault: { kind: 'stall-head' } }),
  'stall-mid': () => ({ ...say('first words and then silence'), fault: { kind: 'stall-mid' } }),
  gated: () => ({ ...say('first words, then the rest after release'), fault: { kind: 'gated' } }),
  'huge-line': (req, ids, arg) => ({ ...say('x'), fault: { kind: 'huge-line', bytes: Number(arg ?? 1 << 20) } }),
  'bad-utf8': () => ({ ...say('ok'), fault: { kind: 'bad-utf8' } }),
  duplicate: () => ({ ...say('once only'), duplicate: true }),
  endless: (req, ids, arg) => ({ ...say('x'), fault: { kind: 'endless', period: Number(arg ?? 100) } }),
};

/** The plan of one request; `refuse` in it means the request does not fit its scenario. */
export function planFor(req, { name, arg }, ids) {
  const scenario = Object.hasOwn(scenarios, name) ? scenarios[name] : null;
  if (!scenario) return { refuse: `unknown scenario '${name}'` };
  return {
    id: ids.message(), model: req.model.replace(/--.*$/, ''), text: [], calls: [], thinking: null, finish: 'stop',
    usage: plainUsage, usageWanted: req.usageWanted, fault: null,
    ...scenario(req, ids, arg),
  };
}
