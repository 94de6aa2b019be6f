// The command `tokens` against the reference tokenizer (npm gpt-tokenizer), differentially; and what it tells people.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import cl100k from 'gpt-tokenizer/encoding/cl100k_base';
import o200k from 'gpt-tokenizer/encoding/o200k_base';
import p50k from 'gpt-tokenizer/encoding/p50k_base';
import r50k from 'gpt-tokenizer/encoding/r50k_base';
import { repoRoot } from './fixtures.mjs';
import { binary, cleanHome, noBinary, runBinary, startServer } from './harness.mjs';

const references = { o200k, cl100k, p50k, r50k };
const vocabularies = join(dirname(binary), 'llm-mux.tokens');
const skip = noBinary || (existsSync(vocabularies) ? false : 'no vocabularies in this build: run scripts/setup test');

/** What looks like a special token is ordinary text (formats.md section 6). */
const expected = (encoding, text) => references[encoding].countTokens(text, { disallowedSpecial: new Set() });

/** A small generator of numbers with a seed: the same samples on every run. */
function randomOf(seed) {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

// Code points whose classes have been settled for long, so that the Unicode version of the node at hand does not matter.
// U+FEFF is left out: the reference loses it when it decodes tokens to texts.
const ranges = [
  [0x01, 0x7f], [0x20, 0x7e], [0x80, 0xff], [0x100, 0x24f], [0x2b0, 0x2ff], [0x300, 0x36f], [0x391, 0x3a1], [0x3b1, 0x3c9],
  [0x400, 0x45f], [0x5d0, 0x5ea], [0x621, 0x64a], [0x64b, 0x669], [0x905, 0x94d], [0x966, 0x96f], [0xe01, 0xe3a], [0x2000, 0x206f],
  [0x2150, 0x2188], [0x2190, 0x23ff], [0x3000, 0x303f], [0x3041, 0x3096], [0x30a1, 0x30fa], [0x4e00, 0x9fa5], [0xac00, 0xd7a3],
  [0xff01, 0xff5e], [0xfe00, 0xfe0f], [0x1d400, 0x1d454], [0x1f300, 0x1f5ff], [0x1f600, 0x1f64f], [0x20000, 0x2a6d6], [0xe0100, 0xe01ef],
];
const words = ['the', 'function', 'Return', 'HTTPServer', 'getElementById', 'straße', 'naïve', "don't", "I'LL", "WE'VE", "x'y", 'été', 'Привет', '你好', 'こんにちは',
  '안녕하세요', 'مرحبا', 'नमस्ते', 'สวัสดี', 'e\u0301', '\u0301AB', 'ǅaǈ', '1234567', '3.14159', '٣٤٥', '½', 'Ⅷ', '<|endoftext|>', '<|im_start|>', '👩‍👩‍👧‍👦', '🏳️‍🌈', '🇩🇪',
  'https://example.org/a//b?c=d&e=f#g', 'foo_bar-baz', '=>', '!==', '//', '/*', '*/', '{}', '();', '```', '----------------', 'aaaaaaaaaaaaaaaaaaaaaaaa'];
const gaps = ['', ' ', '  ', '   \n', '\n', '\n\n', '\r\n', '\t', '\t\t', '\u00a0', '\u3000', ' \n \n ', '/', "'"];

function sample(random) {
  let text = '';
  for (let left = 1 + random(24); left > 0; left--) {
    const kind = random(4);
    if (kind === 0) {
      const [from, to] = ranges[random(ranges.length)];
      for (let run = 1 + random(6); run > 0; run--) text += String.fromCodePoint(from + random(to - from + 1));
    } else text += words[random(words.length)];
    text += gaps[random(gaps.length)];
  }
  return text;
}

const sourceText = () =>
  ['src/chat', 'src/formats', 'src/net', 'docs'].flatMap((dir) => readdirSync(join(repoRoot, dir)).sort().map((name) => join(repoRoot, dir, name)))
    .filter((path) => /\.(c|h|md)$/.test(path)).map((path) => readFileSync(path, 'utf8')).join('');

async function counts(args, input) {
  const run = await runBinary(['tokens', ...args], { input });
  assert.equal(run.code, 0, run.stderr);
  return run.stdout.trimEnd().split('\n').map(Number);
}

function compare(encoding, samples, got) {
  assert.equal(got.length, samples.length);
  const wrong = samples.findIndex((text, i) => got[i] !== expected(encoding, text));
  assert.equal(wrong, -1, wrong < 0 ? '' : `${encoding}: ${JSON.stringify(samples[wrong])} is ${expected(encoding, samples[wrong])}, counted ${got[wrong]}`);
}

describe('section 6: the same counts as the reference tokenizer', { skip }, () => {
  for (const [encoding, size] of Object.entries({ o200k: 10_000, cl100k: 10_000, p50k: 2000, r50k: 2000 })) {
    test(`${encoding}: ${size} generated texts, one by one`, async () => {
      const random = randomOf(20240513);
      const samples = Array.from({ length: size }, () => sample(random));
      compare(encoding, samples, await counts(['--encoding', encoding, '--null'], samples.map((text) => `${text}\0`).join('')));
    });
  }

  for (const encoding of ['o200k', 'cl100k']) {
    test(`${encoding}: a megabyte of mixed text and code`, async () => {
      const random = randomOf(7);
      let text = sourceText();
      while (Buffer.byteLength(text) < 1_050_000) text += sample(random);
      assert.deepEqual(await counts(['--encoding', encoding], text), [expected(encoding, text)]);
    });
  }

  test('NUL bytes are text too, but for --null', async () => {
    const text = 'a\0b\0\0c';
    assert.deepEqual(await counts([], text), [expected('o200k', text)]);
  });
});

describe('what the command tells', { skip }, () => {
  test('a file, lines, JSON and the model that counts', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'llm-mux-tokens-'));
    const file = join(dir, 'text');
    writeFileSync(file, 'Hello, world!\n\nabc');
    assert.deepEqual(await counts([file]), [expected('o200k', 'Hello, world!\n\nabc')]);
    assert.deepEqual(await counts(['--lines', file]), [4, 0, 1]);
    const json = await runBinary(['tokens', '--json', '--model', 'gpt-3.5-turbo', file]);
    assert.deepEqual(JSON.parse(json.stdout), { tokens: expected('cl100k', 'Hello, world!\n\nabc'), encoding: 'cl100k', estimated: false, bytes: 18 });
    const lines = await runBinary(['tokens', '--json', '--lines', file]);
    assert.deepEqual(lines.stdout.trimEnd().split('\n').map((line) => JSON.parse(line).tokens), [4, 0, 1]);
    rmSync(dir, { recursive: true });
  });

  test('an estimate says on standard error that it is one', async () => {
    const run = await runBinary(['tokens', '--model', 'claude-sonnet-4-5'], { input: 'Hello, world!' });
    assert.equal(run.code, 0);
    assert.ok(Number(run.stdout) >= 4);
    assert.match(run.stderr, /estimate/);
    const exact = await runBinary(['tokens', '--model', 'openai/gpt-4o-mini'], { input: 'Hello, world!' });
    assert.equal(exact.stderr, '');
  });

  test('without vocabularies, or with damaged ones, there is an estimate and one warning', async () => {
    const place = cleanHome();
    const damaged = join(place.home, 'damaged.tokens');
    const bytes = readFileSync(vocabularies);
    bytes[bytes.length >> 1] ^= 1;
    writeFileSync(damaged, bytes);
    for (const [path, words] of [[damaged, /damaged\.tokens: its checksum is wrong/], [join(place.home, 'absent'), /cannot open .*absent/]]) {
      const run = await runBinary(['tokens', '--json'], { env: { ...place.env, LLM_MUX_TOKENS_FILE: path }, input: 'Hello, world!' });
      assert.equal(run.code, 0);
      assert.equal(JSON.parse(run.stdout).estimated, true);
      assert.match(run.stderr, words);
    }
    place.remove();
  });

  test('an unknown encoding is a usage error that lists those there are', async () => {
    const run = await runBinary(['tokens', '--encoding', 'o300k'], { input: 'x' });
    assert.equal(run.code, 2);
    assert.match(run.stderr, /o200k, cl100k, p50k and r50k/);
  });
});

describe('TC-1, TC-2: count requests', { skip }, () => {
  // Nobody listens there, and nobody is asked: the dialect has no count call.
  const config = {
    'disable-auth': true,
    providers: [{ type: 'openai', name: 'nowhere', 'base-url': 'http://127.0.0.1:9/v1', 'api-key': 'k', models: [{ name: 'gpt-4o' }, { name: 'gemini-2.5-pro' }] }],
  };

  test('exact for a model whose vocabulary is here, short or long, else marked as an estimate', async () => {
    const server = await startServer(config);
    const ask = async (path, body) => {
      const answer = await fetch(`${server.baseURL}${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
      assert.equal(answer.status, 200);
      return { estimated: answer.headers.get('x-llm-mux-estimated'), ...(await answer.json()) };
    };
    try {
      for (const text of ['Hello, world!', sourceText().slice(0, 300_000)]) {
        const { input_tokens: tokens, estimated } = await ask('/v1/messages/count_tokens', { model: 'gpt-4o', messages: [{ role: 'user', content: text }] });
        assert.equal(tokens, expected('o200k', text) + 7);
        assert.equal(estimated, null);
      }
      const tools = await ask('/v1/messages/count_tokens', {
        model: 'gpt-4o', messages: [{ role: 'user', content: 'x' }], tools: [{ name: 'f', input_schema: { type: 'object', properties: { a: { type: 'string' } } } }],
      });
      assert.equal(tools.estimated, 'true');
      assert.ok(tools.input_tokens > 20 && tools.input_tokens < 60);
      const gemini = await ask('/v1beta/models/gemini-2.5-pro:countTokens', { contents: [{ role: 'user', parts: [{ text: 'Hello, world!' }] }] });
      assert.equal(gemini.estimated, 'true');
      assert.ok(gemini.totalTokens >= 4 && gemini.totalTokens <= 6);
    } finally {
      await server.stop();
    }
  });
});
