// Reads the recorded traffic beside the repository; tests that need it skip loudly when it is absent.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repoRoot = resolve(fileURLToPath(new URL('../..', import.meta.url)));
export const fixturesDir = process.env.LLM_MUX_FIXTURES ?? resolve(repoRoot, '../shared/fixtures');

/** false when the fixtures are there, else the words to skip with. */
export const noFixtures = existsSync(join(fixturesDir, 'upstream/index.jsonl')) ? false : `NO FIXTURES at ${fixturesDir}: set LLM_MUX_FIXTURES`;

const upstream = (format, name) => readFileSync(join(fixturesDir, 'upstream', format, name));
const ending = (row, end) => row.files.find((f) => f.endsWith(end));

/** All recorded exchanges of these formats: the index row plus readers of its files. */
export function exchanges(...formats) {
  if (noFixtures) return [];
  return readFileSync(join(fixturesDir, 'upstream/index.jsonl'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
    .filter((row) => formats.includes(row.format))
    .map((row) => {
      const requestFile = ending(row, '.request.json');
      return { ...row, name: row.files[0], requestFile, request: () => requestFile && upstream(row.format, requestFile) };
    });
}

/** The recorded streams of a format as wire bytes: .sse and .ndjson as they are, payload lists framed as the index says. */
export function streams(format) {
  return exchanges(format).flatMap((row) => {
    const sse = ending(row, '.sse') ?? ending(row, '.ndjson');
    if (sse) return [{ ...row, name: sse, bytes: () => upstream(format, sse) }];
    const chunks = ending(row, '.chunks.txt');
    if (!chunks) return [];
    const answers = split(format, upstream(format, chunks).toString());
    return answers.map((lines, i) => ({ ...row, name: answers.length > 1 ? `${chunks} (${i + 1})` : chunks, framed: true, bytes: () => frame(format, lines) }));
  });
}

/** The recorded whole answers of a format that came with status 200. */
export function answers(format) {
  return exchanges(format).flatMap((row) => {
    const file = row.files.find((f) => f.endsWith('.json') && !f.endsWith('.request.json'));
    return file && row.status === 200 ? [{ ...row, name: file, bytes: () => upstream(format, file) }] : [];
  });
}

/** Some payload lists hold several answers one after the other: each ends with its message_stop. */
function split(format, text) {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (format !== 'anthropic') return [lines];
  const out = [[]];
  for (const line of lines) {
    if (out.at(-1).some((l) => JSON.parse(l).type === 'message_stop')) out.push([]);
    out.at(-1).push(line);
  }
  return out;
}

function frame(format, lines) {
  const named = /^(anthropic|openai-responses)/.test(format);
  const events = lines.map((line) => (named ? `event: ${JSON.parse(line).type}\ndata: ${line}\n\n` : `data: ${line}\n\n`));
  return Buffer.from(events.join('') + (named || format.startsWith('gemini') ? '' : 'data: [DONE]\n\n'));
}

/** Requests that real clients sent to these paths, or to those a function takes: {name, path, headers, body (bytes, re-serialised)}. */
export function clientRequests(...paths) {
  const isWanted = typeof paths[0] === 'function' ? paths[0] : (path) => paths.includes(path);
  if (noFixtures) return [];
  const dir = join(fixturesDir, 'clients');
  return readdirSync(dir).flatMap((client) =>
    readdirSync(join(dir, client)).flatMap((file) => {
      const seen = JSON.parse(readFileSync(join(dir, client, file), 'utf8'));
      const path = (seen.path ?? '').split('?')[0];
      if (!isWanted(path)) return [];
      const body = Buffer.from(typeof seen.body === 'string' ? seen.body : JSON.stringify(seen.body));
      return [{ name: `${client}/${file}`, method: seen.method, path: seen.path, headers: seen.headers ?? {}, body }];
    }));
}
