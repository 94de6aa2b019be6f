// A place to run workflows in: a clean home, a project directory, and small fake backends that keep a record of what they were asked.
//
//   home/config/llm-mux/config.toml      what the test gives as `config` (an object or TOML text)
//   home/config/llm-mux/workflows/*.toml its `workflows`
//   home/project/                        its `files`; the working directory
//   home/fakes/NAME/                     one canned backend: its replies, and a folder for each call it got
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { binary, cleanHome, noBinary, runBinary, startProgram } from '../harness.mjs';
import { test as limited } from '../timed.mjs';

/** test(name, fn) with a limit, skipped without a program; `todo: 'finding'` for what is known to be broken. */
export const test = (name, options, fn = options) => limited(name, { skip: noBinary, ...(fn === options ? {} : options) }, fn);

// ---------------------------------------------------------------- TOML

/** Any value in TOML's inline form. */
export function inline(value) {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  if (value !== null && typeof value === 'object') return `{ ${Object.entries(value).map(([k, v]) => `${JSON.stringify(k)} = ${inline(v)}`).join(', ')} }`;
  return JSON.stringify(value).replaceAll('\u007f', '\\u007f');
}

const keys = (table) => Object.entries(table).map(([k, v]) => `${JSON.stringify(k)} = ${inline(v)}\n`).join('');

/** A configuration file: {backends: {NAME: {...}}, roles: {...}, defaults: {...}} with a header for each entry. */
export function configToml(config) {
  const isTable = (v) => v !== null && typeof v === 'object' && !Array.isArray(v);
  let text = '';
  for (const [section, table] of Object.entries(config)) {
    const plain = Object.entries(table).filter(([, v]) => !isTable(v));
    if (plain.length > 0) text += `[${section}]\n${keys(Object.fromEntries(plain))}`;
    for (const [name, entry] of Object.entries(table).filter(([, v]) => isTable(v))) text += `[${section}.${JSON.stringify(name)}]\n${keys(entry)}`;
  }
  return text;
}

/** A workflow file: steps by name in order, other top-level keys in `top`. */
export const flow = (steps, top = {}) =>
  `${keys(top)}${Object.entries(steps).map(([name, step]) => `\n[[steps]]\nname = ${JSON.stringify(name)}\n${keys(step)}`).join('')}`;

export const shell = (run, extra = {}) => ({ type: 'shell', run, ...extra });
export const query = (role, prompt, extra = {}) => ({ type: 'query', role, prompt, ...extra });
/** A query asked of a backend, without a role. */
export const ask = (backend, prompt, extra = {}) => ({ type: 'query', backend, prompt, ...extra });

// ---------------------------------------------------------------- waiting and processes

/** Waits for what the test's own actors bring about; fails loudly instead of hanging. */
export async function until(holds, what, limit = 60_000) {
  const end = Date.now() + limit;
  for (;;) {
    const value = holds();
    if (value) return value;
    if (Date.now() > end) assert.fail(`waited in vain for ${what}`);
    await new Promise((done) => { setTimeout(done, 15); });
  }
}

/** The ids of all live processes whose command line holds `marker`. */
export const alive = (marker) =>
  readdirSync('/proc').filter((id) => /^\d+$/.test(id)).filter((id) => {
    try {
      return readFileSync(`/proc/${id}/cmdline`, 'utf8').includes(marker) && !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${id}/status`, 'utf8'));
    } catch {
      return false;
    }
  });

let markers = 0;
/** A number of seconds that no other process sleeps: `sleep MARKER` can be found by its command line. */
export const sleepMarker = () => `9${process.pid}${++markers}.${Date.now() % 100000}7`;

// ---------------------------------------------------------------- the lab

/** Files below `dir`, relative, links not followed. */
export function tree(dir, at = '') {
  return readdirSync(join(dir, at), { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? tree(dir, join(at, e.name)) : [join(at, e.name)])).sort();
}

class Lab {
  constructor({ config = {}, workflows = {}, files = {}, env = {} } = {}) {
    const place = cleanHome();
    this.remove = place.remove;
    this.home = place.home;
    this.env = { ...place.env, ...env };
    this.configDir = join(place.env.XDG_CONFIG_HOME, 'llm-mux');
    this.dir = join(place.home, 'project');
    mkdirSync(this.dir);
    this.configure(config);
    for (const [name, text] of Object.entries(workflows)) this.workflow(name, text);
    for (const [name, text] of Object.entries(files)) this.write(name, text);
  }

  configure(config) {
    writeTo(join(this.configDir, 'config.toml'), typeof config === 'string' ? config : configToml(config), 0o600);
  }

  workflow(name, text) {
    writeTo(join(this.configDir, 'workflows', `${name}.toml`), typeof text === 'string' ? text : flow(text));
  }

  path(name) {
    return join(this.dir, name);
  }

  write(name, text) {
    writeTo(this.path(name), text);
  }

  read(name) {
    return readFileSync(this.path(name), 'utf8');
  }

  has(name) {
    return existsSync(this.path(name));
  }

  /** Writes an executable outside of the project; gives its path. */
  script(name, body) {
    const path = join(this.home, 'fakes', name);
    writeTo(path, body.startsWith('#!') ? body : `#!/bin/sh\n${body}\n`);
    chmodSync(path, 0o755);
    return path;
  }

  /**
   * A backend that gives its replies in turn, the last one again and again. A reply is a text or {text, err, code};
   * one with `match` is given to prompts that hold it, whatever their turn.
   * Gives {command, calls(), prompts(), argv(n)}.
   */
  canned(name, ...replies) {
    const dir = join(this.home, 'fakes', `${name}.calls`);
    mkdirSync(dir, { recursive: true });
    let turn = 0;
    let matched = 0;
    for (const reply of replies.map((r) => (typeof r === 'string' ? { text: r } : r))) {
      const base = join(dir, reply.match === undefined ? `reply.${turn++}` : `match.${matched++}`);
      writeFileSync(base, reply.text ?? '');
      writeFileSync(`${base}.err`, reply.err ?? '');
      writeFileSync(`${base}.code`, String(reply.code ?? 0));
      if (reply.match !== undefined) writeFileSync(`${base}.text`, reply.match);
    }
    const command = this.script(name, `
dir='${dir}'
n=0
until mkdir "$dir/call.$n" 2>/dev/null; do n=$((n+1)); done
call=$dir/call.$n
[ $# -gt 0 ] && printf '%s\\0' "$@" >"$call/argv"
if [ $# -gt 0 ]; then for last; do :; done; printf %s "$last" >"$call/prompt"; else cat >"$call/prompt"; fi
pick=
m=0
while [ -e "$dir/match.$m" ]; do
	if [ -z "$pick" ] && grep -qF -e "$(cat "$dir/match.$m.text")" "$call/prompt"; then pick=$dir/match.$m; fi
	m=$((m+1))
done
if [ -z "$pick" ]; then
	while [ $n -gt 0 ] && ! [ -e "$dir/reply.$n" ]; do n=$((n-1)); done
	pick=$dir/reply.$n
fi
[ -e "$pick" ] || { echo "the fake ${name} has no reply" >&2; exit 99; }
cat "$pick.err" >&2
cat "$pick"
exit "$(cat "$pick.code")"`);
    const calls = () => readdirSync(dir).filter((f) => f.startsWith('call.')).length;
    const of = (n, file) => readFileSync(join(dir, `call.${n}`, file), 'utf8');
    return { command, calls, prompts: () => Array.from({ length: calls() }, (_, n) => of(n, 'prompt')), argv: (n) => of(n, 'argv').split('\0').slice(0, -1) };
  }

  /** Runs the program to its end in the project. */
  cli(...args) {
    return this.cliWith({}, ...args);
  }

  async cliWith({ env = {}, input = '', cwd = this.dir }, ...args) {
    const done = await runBinary(args, { env: { ...this.env, ...env }, cwd, input });
    assert.equal(done.signal, null, `ended by ${done.signal}: ${done.stderr}`);
    assert.doesNotMatch(done.stderr, /Sanitizer|runtime error:/);
    return done;
  }

  /** `llm-mux run ...`; `want` is the exit code expected. */
  async run(want, ...args) {
    const done = await this.cli('run', ...args);
    assert.equal(done.code, want, `exit code of run ${args.join(' ')}:\n${done.stdout}\n${done.stderr}`);
    return done;
  }

  /** The final text of a run that succeeds, without the newline at its end. */
  async text(...args) {
    return (await this.run(0, ...args)).stdout.replace(/\n$/, '');
  }

  /** A run in JSON mode: {code, events, result}. Every line must be JSON, with exactly one Result, which is the last. */
  async json(want, ...args) {
    const done = await this.run(want, ...args, '--output', 'json');
    return { ...done, ...events(done.stdout) };
  }

  /** Starts the program and leaves it running. */
  start(...args) {
    return startProgram(args, { env: this.env, cwd: this.dir });
  }

  /** Everything written below the home except what the test itself wrote: [path, text]. */
  written(except = []) {
    return tree(this.home).filter((f) => !except.some((e) => f === e || f.startsWith(`${e}/`))).filter((f) => statSync(join(this.home, f)).isFile()).map((f) => [f, readFileSync(join(this.home, f), 'latin1')]);
  }
}

function writeTo(path, text, mode = 0o644) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text, { mode });
}

/** Reads NDJSON of a run. */
export function events(stdout) {
  const all = stdout.split('\n').filter((l) => l !== '').map((l) => {
    try {
      return JSON.parse(l);
    } catch {
      return assert.fail(`not JSON on standard output: ${l}`);
    }
  });
  assert.deepEqual(all.map((e) => e.type === 'Result').lastIndexOf(true), all.length - 1, `Result is not last:\n${stdout}`);
  assert.equal(all.filter((e) => e.type === 'Result').length, 1, `not one Result:\n${stdout}`);
  return { events: all, result: all.at(-1) };
}

/** A lab that is removed when the test has ended. */
export function lab(t, options) {
  const made = new Lab(options);
  t.after(() => made.remove());
  return made;
}

// ---------------------------------------------------------------- a terminal

/** Runs under a terminal, by script(1) of util-linux, and types `keys` there. Gives {code, screen}. */
export async function terminal(place, keys, args) {
  const line = [binary, ...args].map((a) => `'${a}'`).join(' ');
  const child = spawn('script', ['-qec', `${line} 2>&1`, '/dev/null'], { cwd: place.dir, env: place.env, stdio: ['pipe', 'pipe', 'inherit'] });
  let screen = '';
  child.stdout.setEncoding('utf8').on('data', (d) => { screen += d; });
  const ended = new Promise((resolve) => { child.on('close', resolve); });
  for (const [after, text] of keys) {
    await until(() => after.test(screen), `${after} on the screen:\n${screen}`, 30_000);
    child.stdin.write(text);
  }
  return { code: await ended, screen };
}

// ---------------------------------------------------------------- HTTP

const allowedKeys = {
  chat: ['model', 'messages', 'max_tokens', 'max_completion_tokens', 'temperature', 'stream', 'stream_options', 'response_format'],
  anthropic: ['model', 'messages', 'max_tokens', 'system', 'temperature', 'stream'],
};

/** What is wrong with the shape of a request, or null. */
function wrong(kind, request) {
  const { body, headers } = request;
  if (request.method !== 'POST') return `method ${request.method}`;
  if (!/^application\/json\b/.test(headers['content-type'] ?? '')) return `content-type ${headers['content-type']}`;
  if (!/^llm-mux\//.test(headers['user-agent'] ?? '')) return `user-agent ${headers['user-agent']}`;
  if (body === null || typeof body !== 'object') return 'the body is no JSON object';
  const unknown = Object.keys(body).filter((k) => !allowedKeys[kind].includes(k));
  if (unknown.length > 0) return `unknown keys ${unknown}`;
  if (typeof body.model !== 'string') return 'no model';
  if (!Array.isArray(body.messages) || body.messages.length === 0) return 'no messages';
  const roles = kind === 'chat' ? ['system', 'user'] : ['user'];
  for (const m of body.messages) if (!roles.includes(m.role) || (typeof m.content !== 'string' && !Array.isArray(m.content))) return `message ${JSON.stringify(m)}`;
  if (kind === 'anthropic' && headers['anthropic-version'] !== '2023-06-01') return `anthropic-version ${headers['anthropic-version']}`;
  if (kind === 'anthropic' && !Number.isInteger(body.max_tokens)) return 'no max_tokens';
  return null;
}

/** Replies in the two dialects. */
export const chatReply = (content, extra = {}) => ({
  id: 'chatcmpl-1', object: 'chat.completion', created: 1700000000, model: 'fake-model',
  choices: [{ index: 0, message: { role: 'assistant', content, refusal: null }, logprobs: null, finish_reason: 'stop' }],
  usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 }, ...extra,
});
export const anthropicReply = (content, extra = {}) => ({
  id: 'msg_1', type: 'message', role: 'assistant', model: 'fake-model',
  content: (Array.isArray(content) ? content : [content]).map((text) => ({ type: 'text', text })), stop_reason: 'end_turn', stop_sequence: null,
  usage: { input_tokens: 7, output_tokens: 3 }, ...extra,
});

/**
 * An HTTP server that records requests and is strict about their shape. `answer(request, n)` gives
 * {status, headers, body} or a body alone. Gives {origin, requests, broken}.
 */
export async function stub(t, kind, answer) {
  const requests = [];
  const broken = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    let body = null;
    try {
      body = JSON.parse(text);
    } catch { /* told by wrong() */ }
    const record = { method: request.method, path: request.url, headers: request.headers, body, text, at: performance.now(), response };
    requests.push(record);
    const problem = wrong(kind, record);
    if (problem) broken.push(problem);
    const reply = problem ? { status: 400, body: { error: { message: `the stub refuses: ${problem}`, type: 'invalid_request_error' } } } : await answer(record, requests.length - 1);
    if (response.destroyed) return;
    const whole = reply.body === undefined ? { body: reply } : reply;
    const bytes = typeof whole.body === 'string' ? whole.body : JSON.stringify(whole.body);
    response.writeHead(whole.status ?? 200, { 'content-type': 'application/json', ...whole.headers });
    response.end(bytes);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { origin: `http://127.0.0.1:${server.address().port}`, requests, broken };
}

/** The text a message holds, whichever form it has. */
export const messageText = (m) => (typeof m.content === 'string' ? m.content : m.content.map((p) => p.text ?? '').join(''));

/** A time-ordered gate: `await gate.wait()` ends when `open()` was called. */
export function gate() {
  let open;
  const wait = new Promise((resolve) => { open = resolve; });
  return { open, wait };
}
