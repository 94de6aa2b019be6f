// Starts the built program in a clean home with a written configuration, and looks after every process it started.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { repoRoot } from './fixtures.mjs';

export const binary = resolve(process.env.LLM_MUX_BIN ?? join(repoRoot, 'build/release/llm-mux'));
/** Built with a sanitizer, by the name of its folder. */
export const sanitized = /\b(?:asan|tsan)\b/.test(binary);
/** false when there is a program to test, else the words to skip with. */
export const noBinary = existsSync(binary) ? false : `NO BINARY at ${binary}: run make, or set LLM_MUX_BIN`;

export const clientKey = 'client-key-0123456789abcdef';
const startLimit = 60_000;

/** YAML that JSON already is; one top-level key a line, so that positions in errors make sense. */
export const yaml = (config) => Object.entries(config).map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`).join('');

/** A configuration with both providers of a fake upstream, the models addressed by their own names. */
export function configFor(up, extra = {}) {
  const names = (list) => list.map((name) => ({ name }));
  return {
    'api-keys': [clientKey],
    'disable-auth': false,
    providers: [
      { type: 'openai', name: 'fake-openai', 'base-url': up.openaiBase, 'api-key': up.fake.openaiKey, models: names(up.fake.models['openai-chat']) },
      { type: 'anthropic', name: 'fake-anthropic', 'base-url': up.origin, 'api-key': up.fake.anthropicKey, models: names(up.fake.models.anthropic) },
    ],
    ...extra,
  };
}

/** A new empty home with the XDG directories; remove() deletes it. */
export function cleanHome() {
  const home = mkdtempSync(join(tmpdir(), 'llm-mux-home-'));
  // What runs on the machine is no part of a test.
  const env = { PATH: process.env.PATH, HOME: home, LANG: 'C.UTF-8', TERM: 'dumb', LLM_MUX_DISCOVER_OLLAMA: 'false' };
  for (const [name, sub] of [['XDG_CONFIG_HOME', 'config'], ['XDG_STATE_HOME', 'state'], ['XDG_DATA_HOME', 'data'], ['XDG_CACHE_HOME', 'cache'], ['XDG_RUNTIME_DIR', 'run']]) {
    env[name] = join(home, sub);
    mkdirSync(env[name], { mode: 0o700 });
  }
  for (const name of ['ASAN_OPTIONS', 'UBSAN_OPTIONS', 'TSAN_OPTIONS', 'LSAN_OPTIONS'])
    if (process.env[name]) env[name] = process.env[name];
  return { home, env, remove: () => rmSync(home, { recursive: true, force: true }) };
}

/** Every process started here and not yet ended: none outlives the tests. */
const running = new Set();
export const killAll = () => {
  for (const child of running) child.kill('SIGKILL');
};
process.on('exit', killAll);

function start(args, options) {
  const child = spawn(binary, args, options);
  running.add(child);
  child.on('close', () => running.delete(child));
  return child;
}

/** Runs the program to its end. Gives {code, signal, stdout, stderr}. */
export async function runBinary(args, { env, cwd, input = '' } = {}) {
  const place = env ? null : cleanHome();
  const child = start(args, { env: env ?? place.env, cwd: cwd ?? place?.home, stdio: ['pipe', 'pipe', 'pipe'] });
  const out = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (d) => { out[name] += d; });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const timer = setTimeout(() => child.kill('SIGKILL'), startLimit);
  const [code, signal] = await once(child, 'close');
  clearTimeout(timer);
  place?.remove();
  return { code, signal, ...out };
}

/** Starts the program and leaves it running: {child, out: {stdout, stderr}, exited}; it ends with the tests at the latest. */
export function startProgram(args, { env, cwd }) {
  const child = start(args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const out = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (d) => { out[name] += d; });
  return { child, out, exited: once(child, 'close').then(([code, signal]) => ({ code, signal, ...out })) };
}

/** A running server: baseURL, pid, stderr so far, and ways to stop it. */
class Server {
  constructor(child, place, configFile) {
    this.child = child;
    this.pid = child.pid;
    this.place = place;
    this.configFile = configFile;
    this.stderr = '';
    this.stdout = '';
    child.stderr.setEncoding('utf8').on('data', (d) => {
      this.stderr += d;
      this.wake();
    });
    child.stdout.setEncoding('utf8').on('data', (d) => { this.stdout += d; });
    this.exited = once(child, 'close').then(([code, signal]) => {
      this.exit = { code, signal };
      this.wake();
      return this.exit;
    });
    this.watchers = new Set();
  }

  wake() {
    for (const look of this.watchers) look();
  }

  /** Waits until stderr matches; rejects when the program ends first or the limit passes. */
  waitFor(re, limit = startLimit) {
    return new Promise((resolve, reject) => {
      const end = (act, value) => {
        clearTimeout(timer);
        this.watchers.delete(look);
        act(value);
      };
      const look = () => {
        const found = re.exec(this.stderr);
        if (found) end(resolve, found);
        else if (this.exit) end(reject, new Error(`llm-mux ended (${JSON.stringify(this.exit)}) before ${re}:\n${this.stderr}`));
      };
      const timer = setTimeout(() => end(reject, new Error(`llm-mux did not say ${re}:\n${this.stderr}`)), limit);
      this.watchers.add(look);
      look();
    });
  }

  /**
   * Ends the program if it still runs (TERM, KILL when it does not obey), removes its home. Gives {code, signal}.
   * A sanitizer looks for leaks at an orderly end only, so its build is never killed at once; what it reports fails the test.
   */
  async stop(signal = 'SIGTERM') {
    if (!this.exit) this.child.kill(sanitized ? 'SIGTERM' : signal);
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 20_000);
    const exit = await this.exited;
    clearTimeout(timer);
    this.place.remove();
    const found = sanitized && /^.*(?:Sanitizer|runtime error:)[^]*/m.exec(this.stderr);
    if (found) throw new Error(`the sanitizer found: ${found[0].slice(0, 8000)}`);
    return exit;
  }

  /** A number of kB from /proc/PID/status. */
  status(field) {
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))[1]);
  }

  /** Sets the high water mark of memory back to what is used now. */
  resetPeak() {
    writeFileSync(`/proc/${this.pid}/clear_refs`, '5');
  }
}

/**
 * Starts `llm-mux serve --port 0 --config FILE` and waits until it listens.
 * `config` is an object (keys as in config.yaml), the text of the file, or null for no file at all;
 * `env` is added to the clean environment.
 */
export async function startServer(config = {}, { env = {}, args = [] } = {}) {
  const place = cleanHome();
  const configFile = join(place.home, 'config.yaml');
  if (config !== null) writeFileSync(configFile, typeof config === 'string' ? config : yaml(config), { mode: 0o600 });
  const child = start(['serve', '--port', '0', ...(config === null ? [] : ['--config', configFile]), ...args], {
    env: { ...place.env, ...env }, cwd: place.home, stdio: ['ignore', 'pipe', 'pipe'],
  });
  const server = new Server(child, place, configFile);
  try {
    const [, scheme, host, port] = await server.waitFor(/listening on (https?):\/\/([^\s:]+):(\d+)/);
    server.host = host;
    server.port = Number(port);
    server.baseURL = `${scheme}://${host}:${port}`;
    return server;
  } catch (e) {
    await server.stop('SIGKILL');
    throw e;
  }
}
