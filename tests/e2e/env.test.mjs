// The commands `env` and `with`: what clients are told, and that a client started by us runs as if started by hand.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { after, before, describe } from 'node:test';
import { binary, cleanHome, clientKey, noBinary, runBinary, startServer, yaml } from './harness.mjs';
import { test } from './timed.mjs';

const skip = noBinary;
const oddKey = `it's-"a"-$HOME-\\key`;

/** Runs the program in a clean home with this configuration. */
async function run(args, { config = {}, env = {} } = {}) {
  const place = cleanHome();
  const file = join(place.home, 'config.yaml');
  writeFileSync(file, yaml(config), { mode: 0o600 });
  try {
    return await runBinary(['--config', file, ...args], { env: { ...place.env, ...env }, cwd: place.home });
  } finally {
    place.remove();
  }
}

const json = async (client, options = {}, args = []) => {
  const done = await run(['env', client, '--json', ...args], options);
  assert.equal(done.code, 0, done.stderr);
  return { ...JSON.parse(done.stdout), stderr: done.stderr };
};

describe('env', { skip }, () => {
  test('lists the clients, and each can be printed in every way', async () => {
    const { stdout } = await run(['env']);
    const names = stdout.trim().split('\n').slice(1).map((line) => line.split(' ')[0]);
    assert.ok(names.length >= 15);
    for (const name of names) {
      const one = await json(name);
      assert.equal(one.guide, `docs/clients/${name}.md`);
      for (const args of [[], ['--shell', 'fish'], ['--shell', 'powershell'], ['--model', 'm']]) {
        const done = await run(['env', name, ...args]);
        assert.equal(done.code, 0, `${name} ${args.join(' ')}: ${done.stderr}`);
        assert.match(done.stdout, /^(?:#|\/\/) .* calls \/\S+/);
        assert.doesNotMatch(done.stdout, /\{(?:origin|key|model|snippet|file|home)\}|[ \t]\n/);
      }
    }
  });

  test('what a shell evaluates is what the client finds in its environment', async () => {
    for (const client of ['claude-code', 'opencode', 'aider', 'codex', 'gemini-cli']) {
      const options = { config: { 'api-keys': [oddKey] } };
      const want = await json(client, options, ['--model', `m'"\\$x`]);
      const { stdout } = await run(['env', client, '--model', `m'"\\$x`], options);
      const shell = spawnSync('sh', ['-c', 'eval "$1"; exec env -0', 'sh', stdout], {
        encoding: 'utf8', env: { PATH: process.env.PATH, ANTHROPIC_API_KEY: 'the-real-one' },
      });
      const found = Object.fromEntries(shell.stdout.split('\0').filter(Boolean).map((e) => [e.slice(0, e.indexOf('=')), e.slice(e.indexOf('=') + 1)]));
      for (const [name, value] of Object.entries(want.variables)) assert.equal(found[name] ?? null, value, `${client}: ${name}`);
    }
  });

  const origins = [
    [{}, 'http://127.0.0.1:8317'],
    [{ host: '0.0.0.0', port: 9000, 'api-keys': ['k'] }, 'http://127.0.0.1:9000'],
    [{ host: '::', 'api-keys': ['k'] }, 'http://[::1]:8317'],
    [{ host: '::1' }, 'http://[::1]:8317'],
    [{ host: 'localhost' }, 'http://localhost:8317'],
  ];
  for (const [config, origin] of origins)
    test(`the address of ${JSON.stringify(config)} is ${origin}`, async () => {
      assert.equal((await json('anthropic', { config })).variables.ANTHROPIC_BASE_URL, origin);
    });

  test('a port of the environment, another address, and no address at all', async () => {
    assert.equal((await json('openai', { env: { LLM_MUX_PORT: '7' } })).variables.OPENAI_BASE_URL, 'http://127.0.0.1:7/v1');
    assert.equal((await json('openai', {}, ['--url', 'https://llm.example.org/'])).variables.OPENAI_BASE_URL, 'https://llm.example.org/v1');
    const none = await run(['env', 'openai'], { config: { port: 0 } });
    assert.equal(none.code, 2);
    assert.match(none.stderr, /LLM_MUX_PORT=N or --url/);
    const bad = await run(['env', 'openai', '--url', 'ftp://x']);
    assert.equal(bad.code, 2);
    assert.match(bad.stderr, /--url ftp:\/\/x/);
  });

  test('the key: configured, of the environment, hashed, or none needed', async () => {
    const key = async (options) => (await json('openai', options)).variables.OPENAI_API_KEY;
    const hashed = `sha256:${createHash('sha256').update('x').digest('hex')}`;
    assert.equal(await key({}), 'llm-mux');
    assert.equal(await key({ config: { 'api-keys': [hashed, 'first', 'second'] } }), 'first');
    assert.equal(await key({ config: { 'api-keys': ['first'], 'disable-auth': true } }), 'llm-mux');
    assert.equal(await key({ config: { 'api-keys': ['first'] }, env: { LLM_MUX_CLIENT_KEY: 'mine' } }), 'mine');
    const stale = { config: { 'api-keys': ['first'] }, env: { LLM_MUX_CLIENT_KEY: 'llm-mux' } };
    assert.equal(await key(stale), 'first', 'what env printed while no key was needed is no key');
    const hidden = await json('openai', { config: { 'api-keys': [hashed] } });
    assert.equal(hidden.variables.OPENAI_API_KEY, 'YOUR-CLIENT-KEY');
    assert.match(hidden.stderr, /LLM_MUX_CLIENT_KEY/);
  });

  test('the model: chosen, the first that is configured, or the demo', async () => {
    const config = { providers: [{ type: 'openai', name: 'x', 'base-url': 'http://127.0.0.1:1/v1', models: ['zeta'] }] };
    assert.equal((await json('aider', { config })).variables.AIDER_MODEL, 'openai/zeta');
    assert.equal((await json('aider', { config }, ['--model', 'a/b'])).variables.AIDER_MODEL, 'openai/a/b');
    assert.match((await json('aider')).variables.AIDER_MODEL, /^openai\/demo\//);
    assert.equal('ANTHROPIC_MODEL' in (await json('claude-code', { config })).variables, false, 'it has models of its own');
  });

  test('snippets are valid in their languages, whatever the model is called', async () => {
    for (const [client, language] of [['codex', 'toml'], ['continue', 'yaml'], ['opencode', 'json'], ['gemini-cli', 'json']]) {
      const model = 'a "quoted" \\ name: # [x]';
      const { stdout, code } = await run(['env', client, '--snippet', '--model', model]);
      assert.equal(code, 0);
      const parsed = await runBinary(['config', 'parse', '--format', language, '-'], { input: stdout });
      assert.equal(parsed.code, 0, `${client}: ${parsed.stderr}\n${stdout}`);
      if (client !== 'gemini-cli') assert.ok(parsed.stdout.includes(JSON.stringify(model)) || parsed.stdout.includes(JSON.stringify(model).slice(1, -1)), parsed.stdout);
    }
  });
});

describe('with', { skip }, () => {
  let server;
  let place;
  let bin;
  /** Puts a program of this name on PATH. */
  const install = (name, script) => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  const env = (extra = {}) => ({ ...place.env, PATH: `${bin}:${process.env.PATH}`, LLM_MUX_PORT: String(server.port), ...extra });
  const start = (args, extra) => runBinary(['--config', server.configFile, 'with', ...args], { env: env(extra), cwd: place.home });

  before(async () => {
    server = await startServer({ 'api-keys': [clientKey] });
    place = cleanHome();
    bin = join(place.home, 'bin');
    mkdirSync(bin);
    install('claude', 'echo "$ANTHROPIC_BASE_URL|$ANTHROPIC_AUTH_TOKEN|${ANTHROPIC_API_KEY-unset}|$ANTHROPIC_MODEL"; printf "<%s>" "$@"');
  });
  after(async () => {
    await server?.stop('SIGKILL');
    place?.remove();
  });

  test('the client gets the variables and every word of its own', async () => {
    const done = await start(['--model', 'demo/echo', 'claude-code', '-p', 'two words', '--model', 'x', '--', '--help', ''], { ANTHROPIC_API_KEY: 'real' });
    assert.equal(done.stderr, '');
    assert.equal(done.stdout, `${server.baseURL}|${clientKey}|unset|demo/echo\n<-p><two words><--model><x><--><--help><>`);
    assert.equal(done.code, 0);
  });

  test('a proxy of the environment is not asked for a gateway of this machine', async () => {
    const done = await start(['claude-code'], { http_proxy: 'http://127.0.0.1:1', HTTP_PROXY: 'http://127.0.0.1:1' });
    assert.equal(done.code, 0, done.stderr);
  });

  test('exit code, signal and standard input are the client\'s', async () => {
    install('codex', 'case $1 in --config=*) ;; *) exit 99 ;; esac; while [ $# -gt 1 ]; do shift; done; case $1 in code) exit 7 ;; kill) kill -USR1 $$ ;; esac; cat');
    assert.deepEqual([(await start(['codex', 'code'])).code, (await start(['codex', 'kill'])).signal], [7, 'SIGUSR1']);
    const fed = await runBinary(['--config', server.configFile, 'with', 'codex', 'read'], { env: env(), input: 'from stdin' });
    assert.equal(fed.stdout, 'from stdin');
  });

  test('it is the same process, so that a signal to it reaches the client', async () => {
    install('qwen', 'echo $$; exec sleep 60');
    const child = spawn(binary, ['--config', server.configFile, 'with', 'qwen-code'], { env: env(), stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
    assert.equal(Number(line), child.pid);
    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'close'), [null, 'SIGTERM']);
  });

  test('no key stands on a command line', async () => {
    install('codex', 'printf "%s " "$@"');
    const done = await start(['codex']);
    assert.match(done.stdout, /model_providers\.llm-mux\.base_url="http:/);
    assert.ok(!done.stdout.includes(clientKey));
  });

  test('settings that only a file can hold stand in one of ours', async () => {
    install('gemini', 'printf %s "$GEMINI_CLI_HOME"');
    install('cn', 'printf %s "${1#--config=}"');
    const before = readdirSync(place.home).sort();
    const { stdout: home, stderr, code } = await start(['gemini-cli']);
    assert.equal(code, 0, stderr);
    const file = join(home, '.gemini/settings.json');
    assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), { security: { auth: { selectedType: 'gemini-api-key' } } });
    assert.ok(file.startsWith(place.env.XDG_STATE_HOME));
    assert.deepEqual([statSync(file).mode & 0o777, statSync(home).mode & 0o777], [0o600, 0o700]);
    writeFileSync(file, '{"theme": "mine"}');
    await start(['gemini-cli']);
    assert.equal(readFileSync(file, 'utf8'), '{"theme": "mine"}', 'the client writes there too');
    for (const model of ['demo/echo', 'demo/error-429']) {
      const { stdout } = await start(['--model', model, 'continue']);
      assert.match(readFileSync(stdout, 'utf8'), new RegExp(`model: "${model}"`), 'written anew each time');
      assert.equal(statSync(stdout).mode & 0o777, 0o600);
    }
    assert.deepEqual(readdirSync(place.home).sort(), before, 'nothing else was written');
  });

  test('a dry run shows what it would do, not the key, and does nothing', async () => {
    const done = await start(['--dry-run', 'continue', 'hello you'], { XDG_STATE_HOME: join(place.home, 'nowhere') });
    assert.equal(done.code, 0, done.stderr);
    assert.match(done.stdout, /^exec 'cn' '--config=.*nowhere.*continue\/config\.yaml' 'hello you'$/m);
    assert.ok(!existsSync(join(place.home, 'nowhere')));
    const plain = await start(['--dry-run', 'claude-code']);
    assert.match(plain.stdout, /^unset ANTHROPIC_API_KEY$/m);
    assert.ok(!plain.stdout.includes(clientKey));
  });

  test('a program that is not installed, and one that cannot be started', async () => {
    const missing = await start(['opencode']);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /there is no `opencode` on PATH.*npm install -g opencode-ai/);
    writeFileSync(join(bin, 'copilot'), '\u007fELF no program');
    chmodSync(join(bin, 'copilot'), 0o755);
    const broken = await start(['copilot']);
    assert.equal(broken.code, 1);
    assert.match(broken.stderr, /cannot start .*copilot: /);
  });

  test('a gateway that does not answer, refuses the key, or knows no such model', async () => {
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const { port } = free.address();
    free.close();
    await once(free, 'close');
    const cases = [
      [['claude-code'], { LLM_MUX_PORT: String(port) }, /no gateway answers at .*llm-mux serve/s],
      [['claude-code'], { LLM_MUX_CLIENT_KEY: 'wrong' }, /refuses the client key: set LLM_MUX_CLIENT_KEY/],
      [['--model', 'demo/ehco', 'claude-code'], {}, /says: .*demo\/ehco.*demo\/echo/s],
    ];
    for (const [args, extra, message] of cases) {
      const done = await start(args, extra);
      assert.match(done.stderr, message);
      assert.deepEqual([done.code, done.stdout], [1, '']);
    }
  });
});
