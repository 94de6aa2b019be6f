// The commands besides serve: what they do when all is well, and what they tell a person in a hurry when it is not.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { exchanges, noFixtures } from './fixtures.mjs';
import { binary, cleanHome, noBinary, runBinary } from './harness.mjs';

const skip = noBinary;
const secret = 'sk-proj-abcdefghijklmnopqrstuvwxyz0123456789';
const commands = ['serve', 'init', 'context', 'models', 'tokens', 'doctor', 'env', 'with', 'ask', 'run', 'plan', 'test', 'workflows', 'validate', 'graph', 'backends', 'roles', 'teams', 'ecosystems', 'runs', 'cache', 'memory', 'discover', 'trust', 'config', 'convert', 'render', 'schema', 'completion', 'version', 'help'];
const subcommands = ['show', 'validate', 'schema', 'parse'];

/** A home of its own with files in its configuration directory: run(args, {env, input}), path(name), remove(). */
function home(files = {}) {
  const place = cleanHome();
  const dir = join(place.env.XDG_CONFIG_HOME, 'llm-mux');
  if (Object.keys(files).length > 0) mkdirSync(dir, { mode: 0o700 });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text, { mode: 0o600 });
  return {
    dir,
    path: (name) => join(dir, name),
    run: (args, { env = {}, input = '' } = {}) => runBinary(args, { env: { ...place.env, ...env }, input }),
    remove: place.remove,
  };
}

async function withHome(files, act) {
  const place = home(files);
  try {
    return await act(place);
  } finally {
    place.remove();
  }
}

const mode = (path) => (statSync(path).mode & 0o777).toString(8);

describe('help and mistakes', { skip }, () => {
  test('help lists every command, and each has help of its own', async () => {
    const all = await runBinary(['help']);
    assert.equal(all.code, 0);
    for (const name of commands) {
      assert.match(all.stdout, new RegExp(`^  ${name} `, 'm'));
      for (const args of [['help', name], [name, '--help'], [name, '-h']]) {
        const one = await runBinary(args);
        assert.equal(one.code, 0, args.join(' '));
        assert.match(one.stdout, new RegExp(`Usage: llm-mux ${name}`));
        assert.equal(one.stderr, '');
      }
    }
    for (const name of subcommands) {
      const one = await runBinary(['help', 'config', name]);
      assert.equal(one.code, 0);
      assert.match(one.stdout, new RegExp(`Usage: llm-mux config ${name}`));
    }
  });

  const mistakes = [
    [['modles'], 2, /unknown command 'modles'; did you mean 'models'\?/],
    [['frobnicate'], 2, /unknown command 'frobnicate'; see llm-mux help/],
    [['config', 'shwo'], 2, /unknown command 'shwo'; did you mean 'show'\?/],
    [['config', 'frobnicate'], 2, /unknown command 'frobnicate'; see llm-mux help config/],
    [['config'], 2, /Usage: llm-mux config COMMAND/],
    [['help', 'modles'], 2, /did you mean 'models'\?/],
    [['help', 'config', 'shcema'], 2, /did you mean 'schema'\?/],
    [['doctor', '--ofline'], 2, /unknown option --ofline; did you mean --offline\?/],
    [['models', '--frobnicate'], 2, /unknown option --frobnicate; see llm-mux help models/],
    [['config', 'parse', '--frobnicate', 'x'], 2, /see llm-mux help config parse/],
    [['models', '--json=yes'], 2, /option --json takes no value/],
    [['models', '--config'], 2, /option --config needs a value: PATH/],
    [['models', 'a', 'b'], 2, /unexpected 'b'; see llm-mux help models/],
    [['config', 'parse'], 2, /usage: llm-mux config parse FILE/],
    [['config', 'parse', 'x.conf'], 2, /'x\.conf' does not tell its format; add --format toml, yaml or json/],
    [['config', 'parse', '--format', 'ymal', '-'], 2, /unknown format 'ymal'; did you mean 'yaml'\?/],
    [['config', 'parse', 'missing.toml'], 1, /cannot open missing\.toml: No such file/],
    [['config', 'validate', 'missing.yaml'], 2, /missing\.yaml: error: .*No such file/],
    [['config', 'validate', 'x.txt'], 2, /ends with \.yaml, \.yml, \.toml or \.json/],
    [['config', 'show', 'prot'], 2, /no option 'prot'; did you mean 'port'\?/],
    [['models', 'demo/ecoh'], 1, /no model matches 'demo\/ecoh'; did you mean 'demo\/echo'\?/],
    [['models', 'frobnicate-9000'], 1, /llm-mux models lists all/],
    [['completion'], 2, /bash, zsh or fish/],
    [['completion', 'bsh'], 2, /did you mean 'bash'\?/],
    [['completion', 'powershell'], 2, /bash, zsh and fish/],
    [['convert'], 2, /needs --from FORMAT.*openai-chat.*anthropic/],
    [['convert', '--from', 'anthropic'], 2, /needs --to FORMAT/],
    [['convert', '--from', 'openai', '--to', 'anthropic', 'request'], 2, /unknown format 'openai' for --from; did you mean 'openai-chat'\?/],
    [['convert', '--from', 'anthropic', '--to', 'antropic', 'request'], 2, /for --to; did you mean 'anthropic'\?/],
    [['convert', '--from', 'anthropic', '--to', 'xml', 'request'], 2, /it is one of openai-chat, .*, ollama/],
    [['convert', '--from', 'anthropic', '--to', 'openai-chat'], 2, /one of request, response, stream/],
    [['convert', '--from', 'anthropic', '--to', 'openai-chat', 'reqest'], 2, /did you mean 'request'\?/],
    [['convert', '--from', 'anthropic', '--to', 'openai-chat', 'request', '--lines'], 2, /--lines is for a stream/],
    [['convert', '--from', 'anthropic', '--to', 'openai-chat', 'request', 'missing.json'], 1, /cannot open missing\.json: No such file/],
    [['convert', '--from', 'anthropic', '--to', 'openai-chat', 'stream', 'missing.sse'], 1, /cannot open missing\.sse: No such file/],
    [['init', '--config', 'x.toml'], 2, /name that ends with \.yaml/],
  ];
  for (const [args, code, message] of mistakes)
    test(`llm-mux ${args.join(' ')}`, async () => {
      const done = await runBinary(args);
      assert.match(done.stderr, message);
      assert.equal(done.code, code);
      assert.equal(done.stdout, '');
    });
});

test('output that cannot be written is a failure', { skip: skip || (existsSync('/dev/full') ? false : 'no /dev/full') }, () => {
  const done = spawnSync('sh', ['-c', '"$0" config schema > /dev/full', binary], { encoding: 'utf8' });
  assert.equal(done.status, 1);
  assert.match(done.stderr, /could not be written/);
});

describe('init', { skip }, () => {
  test('writes a private configuration that is valid, and says what to do next', () => withHome({}, async ({ run, dir, path }) => {
    const first = await run(['init']);
    assert.equal(first.code, 0);
    assert.match(first.stdout, /wrote .*config\.yaml/);
    assert.match(first.stdout, /llm-mux doctor/);
    assert.match(first.stdout, /OPENAI_API_KEY/);
    assert.equal(mode(dir), '700');
    assert.equal(mode(path('config.yaml')), '600');
    const check = await run(['config', 'validate']);
    assert.equal(check.code, 0);
    assert.equal(check.stdout, `${path('config.yaml')}: ok\n`);
  }));

  test('leaves what exists, and with --force keeps it as .bak', () => withHome({ 'config.yaml': 'port: 9\n' }, async ({ run, path }) => {
    const again = await run(['init']);
    assert.equal(again.code, 0);
    assert.match(again.stdout, /exists and stays as it is.*--force/);
    assert.equal(readFileSync(path('config.yaml'), 'utf8'), 'port: 9\n');
    const forced = await run(['init', '--force']);
    assert.equal(forced.code, 0);
    assert.match(forced.stdout, /config\.yaml\.bak/);
    assert.equal(readFileSync(path('config.yaml.bak'), 'utf8'), 'port: 9\n');
    assert.equal(mode(path('config.yaml.bak')), '600');
    assert.match(readFileSync(path('config.yaml'), 'utf8'), /#port: 8317/);
  }));

  test('writes where --config says, and through no symbolic link', () => withHome({}, async ({ run, path, dir }) => {
    const target = path('deep/other.yaml');
    assert.equal((await run(['init', '--config', target])).code, 0);
    assert.equal(mode(target), '600');
    symlinkSync('/nowhere', join(dir, 'link.yaml'));
    const link = await run(['init', '--config', join(dir, 'link.yaml')]);
    assert.equal(link.code, 1);
    assert.match(link.stderr, /symbolic link/);
  }));
});

describe('config', { skip }, () => {
  const providers = `providers:\n  - type: openai\n    name: local\n    base-url: http://127.0.0.1:9/v1\n    api-key: ${secret}\n    headers: {X-Token: ${secret}}\n`;

  test('show tells values and their sources, never a secret', () => withHome({ 'config.yaml': `port: 9001\napi-keys: [${secret}]\n${providers}` }, async ({ run, path }) => {
    const text = await run(['config', 'show'], { env: { LLM_MUX_DEBUG: 'true' } });
    assert.equal(text.code, 0);
    assert.match(text.stdout, new RegExp(`^port: 9001 +# ${path('config.yaml')}:1$`, 'm'));
    assert.match(text.stdout, /^debug: true +# environment/m);
    assert.match(text.stdout, /^host: "127\.0\.0\.1" +# default$/m);
    const json = await run(['config', 'show', '--json']);
    const all = JSON.parse(json.stdout);
    assert.equal(all.port.value, 9001);
    assert.match(json.stdout, /config\.yaml/);
    for (const out of [text, json]) assert.ok(!(out.stdout + out.stderr).includes(secret));
  }));

  test('show KEY prints one option or one section, by any spelling', () => withHome({}, async ({ run }) => {
    assert.match((await run(['config', 'show', 'port'])).stdout, /^port: 8317 +# default\n$/);
    assert.match((await run(['config', 'show', 'request_retry'])).stdout, /^request-retry: /);
    assert.deepEqual((await run(['config', 'show', 'tls'])).stdout.match(/^\S+:/gm), ['tls.enable:', 'tls.cert:', 'tls.key:']);
    assert.deepEqual(Object.keys(JSON.parse((await run(['config', 'show', '--json', 'tls'])).stdout)), ['tls.enable', 'tls.cert', 'tls.key']);
  }));

  test('validate reports every problem at its place, with the likely key', () => withHome({ 'config.yaml': 'prot: 12\nport: 99999\n' }, async ({ run, path }) => {
    const done = await run(['config', 'validate']);
    assert.equal(done.code, 2);
    assert.ok(done.stderr.includes(`${path('config.yaml')}:1:1: error: unknown key \`prot\``));
    assert.match(done.stderr, /did you mean `port`\?/);
    assert.match(done.stderr, /:2:\d+: error: /);
    assert.equal(done.stdout, '');
    for (const args of [['config', 'show'], ['models']]) assert.equal((await run(args)).code, 2);
  }));

  test('validate FILE looks at that file alone; a broken one is refused with its position', () => withHome({ 'config.yaml': 'prot: 1\n', 'good.toml': 'port = 1\n', 'bad.toml': 'port = \n', 'bad.yaml': 'a: [1\n' }, async ({ run, path }) => {
    const good = await run(['config', 'validate', path('good.toml')]);
    assert.deepEqual([good.code, good.stdout, good.stderr], [0, `${path('good.toml')}: ok\n`, '']);
    for (const name of ['bad.toml', 'bad.yaml']) {
      const bad = await run(['config', 'validate', path(name)]);
      assert.equal(bad.code, 2);
      assert.match(bad.stderr, /bad\.\w+:\d+:\d+: error: /);
    }
  }));

  test('validate warns of keys that others can read', () => withHome({ 'config.yaml': providers }, async ({ run, path }) => {
    chmodSync(path('config.yaml'), 0o644);
    const done = await run(['config', 'validate']);
    assert.equal(done.code, 0);
    assert.match(done.stderr, /warning: others can read this file.*\n.*chmod 600/);
  }));

  test('validate without any file says that the defaults hold', () => withHome({}, async ({ run }) => {
    const done = await run(['config', 'validate']);
    assert.equal(done.code, 0);
    assert.match(done.stdout, /llm-mux init writes one/);
  }));

  test('schema is a JSON Schema, whatever the configuration is', () => withHome({ 'config.yaml': 'prot: 1\n' }, async ({ run }) => {
    const done = await run(['config', 'schema']);
    assert.equal(done.code, 0);
    const schema = JSON.parse(done.stdout);
    assert.match(schema.$schema, /json-schema\.org/);
    assert.ok(schema.properties.port && schema.properties.providers);
  }));

  test('parse prints TOML, YAML and JSON as JSON', () => withHome({ 'a.toml': 'a = [1, 2]\n[b]\nc = "d"\n', 'a.yaml': 'a: [1, 2]\nb: {c: d}\n', 'a.json': '{"a": [1, 2], "b": {"c": "d"}}' }, async ({ run, path }) => {
    for (const name of ['a.toml', 'a.yaml', 'a.json']) {
      const pretty = await run(['config', 'parse', path(name)]);
      assert.equal(pretty.code, 0);
      assert.equal(pretty.stdout, '{\n  "a": [\n    1,\n    2\n  ],\n  "b": {\n    "c": "d"\n  }\n}\n');
      const compact = await run(['config', 'parse', '--compact', path(name)]);
      assert.equal(compact.stdout, '{"a":[1,2],"b":{"c":"d"}}\n');
    }
    const piped = await run(['config', 'parse', '--format', 'toml', '--compact', '-'], { input: 'x = 1' });
    assert.equal(piped.stdout, '{"x":1}\n');
  }));

  const broken = [['toml', 'a = 1\nb = [1,\n', /:2:\d+: error: /], ['yaml', 'a: 1\nb: "x\n', /:2:\d+: error: /], ['json', '{"a": 1,\n "b": }', /:2:7: error: /]];
  for (const [format, input, place] of broken)
    test(`parse tells where ${format} is broken`, async () => {
      const done = await runBinary(['config', 'parse', '--format', format, '-'], { input });
      assert.equal(done.code, 1);
      assert.match(done.stderr, place);
      assert.equal(done.stdout, '');
    });
});

describe('models', { skip }, () => {
  test('without providers there is the demo, labelled, and a word how to get more', () => withHome({}, async ({ run }) => {
    const done = await run(['models']);
    assert.equal(done.code, 0);
    assert.match(done.stdout, /^demo\/echo +demo .*not a real model/m);
    assert.match(done.stderr, /OPENAI_API_KEY/);
  }));

  test('configured models with backend, alias and context; nobody is asked', () => withHome({
    'config.yaml': `providers:\n  - type: anthropic\n    api-key: ${secret}\n  - type: openai\n    name: local\n    base-url: http://127.0.0.1:1/v1\n    models: [{name: llama3.3, alias: fast}]\n`,
  }, async ({ run }) => {
    const done = await run(['models']);
    assert.equal(done.code, 0);
    assert.match(done.stdout, /^fast +local +-$/m);
    assert.match(done.stdout, /^claude-sonnet-4-5 +claude +\d+k$/m);
    assert.equal(done.stderr, '');
    const json = JSON.parse((await run(['models', '--json'])).stdout);
    assert.deepEqual(json.find((m) => m.id === 'fast'), { id: 'fast', backend: 'local', context_tokens: null, demo: false });
    assert.equal(json.find((m) => m.id === 'demo/echo').demo, true);
    assert.deepEqual(JSON.parse((await run(['models', '--json', 'fas'])).stdout).map((m) => m.id), ['fast']);
    assert.ok(!done.stdout.includes(secret));
  }));
});

describe('doctor', { skip }, () => {
  /** An upstream that knows one key; listens on a port of its own. */
  const seen = [];
  const upstream = createServer((request, response) => {
    seen.push(request.url);
    const key = request.headers['x-api-key'] ?? request.headers.authorization?.replace('Bearer ', '');
    response.statusCode = request.url === '/v1/models' ? (key === secret ? 200 : 401) : 404;
    response.end('{"data":[]}');
  });
  let origin;
  before(async () => {
    upstream.listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    origin = `http://127.0.0.1:${upstream.address().port}`;
  });
  after(() => upstream.close());

  const config = (keys, base = origin) => `port: 0\nproviders:\n  - type: openai\n    name: local\n    base-url: ${base}/v1\n    api-keys: [${keys}]\n`;
  const doctor = async (place, ...args) => {
    const done = await place.run(['doctor', '--json', ...args]);
    assert.ok(!(done.stdout + done.stderr).includes(secret), 'a secret was printed');
    return { code: done.code, ...JSON.parse(done.stdout) };
  };
  const find = (report, check, status) => report.checks.find((c) => c.check === check && c.status === status);

  test('a good set-up passes, as a table without colour in a pipe', () => withHome({ 'config.yaml': config(secret) }, async (place) => {
    const report = await doctor(place);
    assert.equal(report.code, 0);
    assert.equal(report.failed, 0);
    assert.match(find(report, 'provider', 'ok').message, /local#1: .* key accepted/);
    const table = await place.run(['doctor']);
    assert.equal(table.code, 0);
    assert.match(table.stdout, /^ok {4}configuration .*config\.yaml$/m);
    assert.match(table.stdout, /\d+ ok, 0 warnings, 0 failed\n$/);
    assert.ok(!table.stdout.includes('\u001b'));
  }));

  test('a refused key is told by its number', () => withHome({ 'config.yaml': config(`${secret}, sk-another-key-0123456789`) }, async (place) => {
    const report = await doctor(place);
    assert.equal(report.code, 1);
    const failed = find(report, 'provider', 'fail');
    assert.match(failed.message, /local#2: the key is refused \(HTTP 401/);
    assert.ok(failed.hint);
    assert.ok(find(report, 'provider', 'ok'));
  }));

  test('an upstream that is not there', () => withHome({ 'config.yaml': config(secret, 'http://127.0.0.1:1') }, async (place) => {
    const report = await doctor(place);
    assert.equal(report.code, 1);
    assert.match(find(report, 'provider', 'fail').message, /cannot be reached at http:\/\/127\.0\.0\.1:1\/v1/);
  }));

  test('a wrong base-url', () => withHome({ 'config.yaml': config(secret).replace('/v1', '/v1/chat/x') }, async (place) => {
    const report = await doctor(place);
    assert.equal(report.code, 0);
    assert.match(find(report, 'provider', 'warn').message, /no list of models \(HTTP 404\)/);
    assert.match(find(report, 'provider', 'warn').hint, /base-url/);
  }));

  test('--offline asks nobody', () => withHome({ 'config.yaml': config(secret) }, async (place) => {
    seen.length = 0;
    const report = await doctor(place, '--offline');
    assert.equal(report.code, 0);
    assert.ok(find(report, 'provider', 'skip'));
    assert.deepEqual(seen, []);
  }));

  test('a taken port is told with its owner', () => withHome({ 'config.yaml': `port: ${upstream.address().port}\n` }, async (place) => {
    const report = await doctor(place);
    assert.equal(report.code, 1);
    assert.match(find(report, 'port', 'fail').message, new RegExp(`is taken by .*\\(process ${process.pid}\\)`));
    assert.match(find(report, 'port', 'fail').hint, /LLM_MUX_PORT/);
  }));

  test('a broken configuration is a failed check with its place', () => withHome({ 'config.yaml': 'prot: 1\n' }, async (place) => {
    const report = await doctor(place);
    assert.equal(report.code, 1);
    assert.match(find(report, 'configuration', 'fail').message, /config\.yaml:1:1: unknown key `prot`/);
    assert.match(find(report, 'configuration', 'fail').hint, /config validate/);
  }));

  test('exposed files', () => withHome({ 'config.yaml': config(secret), '.env': 'A=b\n' }, async (place) => {
    chmodSync(place.path('config.yaml'), 0o644);
    chmodSync(place.path('.env'), 0o644);
    chmodSync(place.dir, 0o777);
    const report = await doctor(place, '--offline');
    assert.equal(report.code, 1);
    assert.match(find(report, 'configuration', 'warn').hint, /chmod 600 .*config\.yaml/);
    assert.match(find(report, 'files', 'warn').hint, /chmod 600 .*\.env/);
    assert.match(find(report, 'files', 'fail').hint, /chmod 700/);
  }));

  test('no providers, and one without a key', async () => {
    await withHome({ 'config.yaml': 'port: 0\n' }, async (place) => {
      assert.match(find(await doctor(place), 'provider', 'warn').hint, /OPENAI_API_KEY/);
    });
    await withHome({ 'config.yaml': 'providers:\n  - type: openai\n' }, async (place) => {
      assert.match(find(await doctor(place), 'configuration', 'fail').message, /config\.yaml:2:5: .*api-key/);
    });
  });

  test('a certificate that is not there', async () => {
    await withHome({ 'config.yaml': 'port: 0\ntls: {enable: true, cert: /nowhere/cert.pem, key: /nowhere/key.pem}\n' }, async (place) => {
      const failed = find(await doctor(place), 'tls', 'fail');
      assert.match(failed.message, /\/nowhere\/cert\.pem/);
      assert.match(failed.hint, /tls\.cert/);
    });
  });

  test('a local server behind a proxy of the environment', () => withHome({ 'config.yaml': config(secret) }, async (place) => {
    const behind = JSON.parse((await place.run(['doctor', '--json', '--offline'], { env: { http_proxy: 'http://me:hush@10.9.8.7:1' } })).stdout);
    assert.match(find(behind, 'proxy', 'ok').message, /^http_proxy=http:\/\/10\.9\.8\.7:1$/);
    assert.match(find(behind, 'proxy', 'warn').hint, /proxy-url: direct/);
    const exempt = JSON.parse((await place.run(['doctor', '--json', '--offline'], { env: { http_proxy: 'http://10.9.8.7:1', NO_PROXY: 'localhost, 127.0.0.1' } })).stdout);
    assert.equal(find(exempt, 'proxy', 'warn'), undefined);
  }));

  test('a proxy is shown without its password', () => withHome({ 'config.yaml': `${config(secret)}proxy-url: http://user:${secret}@127.0.0.1:1\n` }, async (place) => {
    const report = await doctor(place);
    assert.match(find(report, 'proxy', 'ok').message, /http:\/\/127\.0\.0\.1:1$/);
    assert.match(find(report, 'proxy', 'warn').hint, /proxy-url: direct/);
    assert.match(find(report, 'provider', 'fail').message, /through the proxy http:\/\/127\.0\.0\.1:1/);
  }));
});

describe('completion', { skip }, () => {
  const script = (shell) => spawnSync(binary, ['completion', shell], { encoding: 'utf8' }).stdout;
  const has = (shell) => spawnSync(shell, ['-c', 'exit 0']).status === 0;

  test('bash completes commands, options, choices and keys', () => {
    const complete = (line) => {
      const words = line.split(' ');
      const run = `COMP_WORDS=(${words.map((w) => `'${w}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _llm_mux; echo "\${COMPREPLY[*]}"`;
      return spawnSync('bash', ['-c', `${script('bash')}\n${run}`], { encoding: 'utf8' }).stdout.trim().split(' ').filter(Boolean);
    };
    assert.deepEqual(complete('llm-mux '), commands);
    assert.deepEqual(complete('llm-mux --debug co'), ['context', 'config', 'convert', 'completion']);
    assert.deepEqual(complete('llm-mux config '), subcommands);
    assert.deepEqual(complete('llm-mux config show tls'), ['tls.enable', 'tls.cert', 'tls.key']);
    assert.deepEqual(complete('llm-mux convert --from anth'), ['anthropic']);
    assert.deepEqual(complete('llm-mux convert --from = anth'), ['anthropic']);
    assert.deepEqual(complete('llm-mux convert --from anthropic --to openai-chat re'), ['request', 'response']);
    assert.deepEqual(complete('llm-mux doctor --o'), ['--offline', '--output']);
    assert.deepEqual(complete('llm-mux completion '), ['bash', 'zsh', 'fish']);
  });

  for (const shell of ['zsh', 'fish'])
    test(`${shell} accepts its script`, () => {
      const text = script(shell);
      for (const name of [...commands, ...subcommands]) assert.ok(text.includes(name), name);
      assert.ok(text.includes('openai-responses') && text.includes('tls.cert'));
      if (!has(shell)) return;
      const dir = mkdtempSync(join(tmpdir(), 'llm-mux-completion-'));
      writeFileSync(join(dir, 'script'), text);
      const check = spawnSync(shell, ['-n', join(dir, 'script')], { encoding: 'utf8' });
      rmSync(dir, { recursive: true });
      assert.equal(check.stderr, '');
    });
});

describe('convert', { skip }, () => {
  const convert = (from, to, args, options) => runBinary(['convert', '--from', from, '--to', to, ...args], options);
  const question = { model: 'gpt-4o', presence_penalty: 1, messages: [{ role: 'user', content: 'hello' }] };
  const chunk = (delta, finish = null) => ({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] });
  const sse = (...events) => events.map((e) => `data: ${typeof e === 'string' ? e : JSON.stringify(e)}\n\n`).join('');

  test('a request: compact, with its model replaced, and --explain lists the losses', async () => {
    const done = await convert('openai-chat', 'anthropic', ['request', '--explain', '--model', 'claude-sonnet-4-5'], { input: JSON.stringify(question) });
    assert.equal(done.code, 0);
    assert.equal(done.stdout, `${JSON.stringify(JSON.parse(done.stdout))}\n`);
    assert.equal(JSON.parse(done.stdout).model, 'claude-sonnet-4-5');
    const losses = done.stderr.trim().split('\n').map((line) => JSON.parse(line));
    const loss = losses.find((l) => l.field === 'presence_penalty');
    assert.deepEqual(Object.keys(loss), ['rule', 'field', 'action', 'reason']);
    assert.equal(loss.action, 'dropped');
    const quiet = await convert('openai-chat', 'anthropic', ['request'], { input: JSON.stringify(question) });
    assert.deepEqual([quiet.code, quiet.stderr], [0, '']);
  });

  test('what cannot be carried is refused with its field', async () => {
    const done = await convert('openai-chat', 'anthropic', ['request'], { input: JSON.stringify({ ...question, n: 2 }) });
    assert.equal(done.code, 1);
    assert.match(done.stderr, /standard input: n = 2/);
    assert.equal(done.stdout, '');
  });

  test('what is no request is refused at its place', async () => {
    const broken = await convert('openai-chat', 'anthropic', ['request'], { input: '{"model": "m",\n "messages": ]}' });
    assert.equal(broken.code, 1);
    assert.match(broken.stderr, /standard input: .*line 2, column 14/);
    assert.match((await convert('openai-chat', 'anthropic', ['request'], { input: '[1]' })).stderr, /a request is a JSON object/);
    assert.match((await convert('openai-chat', 'anthropic', ['request'], { input: '{"model":"m"}' })).stderr, /messages/);
  });

  test('the same format keeps the bytes but the model', async () => {
    const body = '{ "model" : "m" ,\t"messages":[ {"role":"user","content":"\\u0041"} ], "x_y": 1.0 }';
    const same = await convert('openai-chat', 'openai-chat', ['request'], { input: body });
    assert.equal(same.stdout, `${body}\n`);
    const renamed = await convert('openai-chat', 'openai-chat', ['request', '--model', 'other'], { input: body });
    assert.equal(renamed.stdout, `${body.replace('"m"', '"other"')}\n`);
    const stream = sse(chunk({ content: 'a' }), chunk({}, 'stop'), '[DONE]');
    assert.equal((await convert('openai-chat', 'openai-chat', ['stream'], { input: stream })).stdout, stream);
    const other = (await convert('openai-chat', 'openai-chat', ['stream', '--model', 'other'], { input: stream })).stdout;
    assert.equal(other, stream.replaceAll('"model":"m"', '"model":"other"'));
  });

  test('a response, with --model shown to the client', async () => {
    const answer = { id: 'c', object: 'chat.completion', created: 1, model: 'm', choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }], usage: { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 } };
    const done = await convert('openai-chat', 'anthropic', ['response', '--model', 'shown'], { input: JSON.stringify(answer) });
    assert.equal(done.code, 0);
    const message = JSON.parse(done.stdout);
    assert.deepEqual([message.type, message.model, message.content[0].text, message.stop_reason], ['message', 'shown', 'hi', 'end_turn']);
    assert.ok(done.stdout.endsWith('\n'));
  });

  test('an error answer is the other format\'s error, exit 1', async () => {
    const done = await convert('anthropic', 'openai-chat', ['response'], { input: '{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}' });
    assert.equal(done.code, 1);
    assert.equal(JSON.parse(done.stdout).error.message, 'slow down');
    assert.match(done.stderr, /slow down/);
  });

  test('a stream is printed as it comes', async () => {
    const place = cleanHome();
    const child = spawn(binary, ['convert', '--from', 'openai-chat', '--to', 'anthropic', 'stream'], { env: place.env, stdio: ['pipe', 'pipe', 'inherit'] });
    let text = '';
    const until = (re) => new Promise((resolve) => {
      const look = () => { if (re.test(text)) { child.stdout.off('data', look); resolve(); } };
      child.stdout.on('data', look);
      look();
    });
    child.stdout.setEncoding('utf8').on('data', (data) => { text += data; });
    const wire = sse(chunk({ content: 'first' }));
    child.stdin.write(wire.slice(0, 20));
    child.stdin.write(wire.slice(20));
    await until(/"text":"first"/);
    assert.doesNotMatch(text, /message_stop/);
    child.stdin.end(sse(chunk({}, 'stop'), '[DONE]'));
    await until(/event: message_stop/);
    const [code] = await once(child, 'close');
    assert.equal(code, 0);
    place.remove();
  });

  test('--lines takes and prints one payload a line', async () => {
    const input = [chunk({ content: 'a' }), chunk({}, 'stop')].map((c) => JSON.stringify(c)).join('\n');
    const done = await convert('openai-chat', 'anthropic', ['stream', '--lines'], { input });
    assert.equal(done.code, 0);
    const types = done.stdout.trim().split('\n').map((line) => JSON.parse(line).type);
    assert.equal(types[0], 'message_start');
    assert.equal(types.at(-1), 'message_stop');
    const back = await convert('anthropic', 'openai-chat', ['stream', '--lines'], { input: done.stdout });
    assert.equal(back.code, 0);
    const chunks = back.stdout.trim().split('\n').map((line) => JSON.parse(line));
    assert.equal(chunks.map((c) => c.choices[0]?.delta.content ?? '').join(''), 'a');
  });

  test('an error inside a stream is in the other format\'s form, exit 1, and nothing claims success', async () => {
    const input = sse(chunk({ content: 'a' }), { error: { message: 'boom', type: 'server_error' } });
    const done = await convert('openai-chat', 'anthropic', ['stream'], { input });
    assert.equal(done.code, 1);
    assert.match(done.stdout, /event: error\ndata: .*boom/);
    assert.doesNotMatch(done.stdout, /message_stop/);
    assert.match(done.stderr, /boom/);
    const cut = await convert('openai-chat', 'anthropic', ['stream'], { input: sse(chunk({ content: 'a' })) });
    assert.equal(cut.code, 1);
    assert.match(cut.stdout, /event: error/);
    const empty = await convert('openai-chat', 'anthropic', ['stream']);
    assert.equal(empty.code, 1);
  });

  test('a large request passes', async () => {
    const data = 'QUFB'.repeat(5 << 20);
    const input = JSON.stringify({ model: 'm', max_tokens: 9, messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data } }] }] });
    const done = await convert('anthropic', 'openai-chat', ['request'], { input });
    assert.equal(done.code, 0);
    assert.ok(JSON.parse(done.stdout).messages[0].content[0].image_url.url === `data:image/png;base64,${data}`);
  });
});

describe('convert, there and back', { skip: skip || noFixtures }, () => {
  const other = { 'openai-chat': 'anthropic', anthropic: 'openai-chat' };
  const dir = mkdtempSync(join(tmpdir(), 'llm-mux-convert-'));
  after(() => rmSync(dir, { recursive: true }));

  const kindOf = (file) =>
    file.endsWith('.request.json') ? ['request'] : file.endsWith('.json') ? ['response'] : file.endsWith('.sse') ? ['stream'] : file.endsWith('.chunks.txt') ? ['stream', '--lines'] : null;

  /** What the first step may refuse: it was an error when it was recorded, no chat at all, or asks for what cannot be. */
  const mayRefuse = (row, kind, message) =>
    row.status >= 400 || row.shows.some((s) => /error/.test(s)) || /count_tokens/.test(row.url_path ?? '') || (kind === 'request' && /n = \d/.test(message));

  for (const format of Object.keys(other))
    test(`every recorded ${format} request, answer and stream`, async () => {
      let count = 0;
      let refused = 0;
      for (const row of exchanges(format))
        for (const file of row.files) {
          const kind = kindOf(file);
          if (!kind) continue;
          const path = join(process.env.LLM_MUX_FIXTURES ?? join(import.meta.dirname, '../../../shared/fixtures'), 'upstream', format, file);
          const there = await runBinary(['convert', '--from', format, '--to', other[format], ...kind, path]);
          count += 1;
          if (there.code !== 0) {
            refused += 1;
            assert.equal(there.code, 1, `${file}: ${there.stderr}`);
            assert.ok(mayRefuse(row, kind[0], there.stderr), `${file}: ${there.stderr}`);
            assert.match(there.stderr, /^llm-mux: .+: .+\n$/);
            continue;
          }
          const step = join(dir, 'step');
          writeFileSync(step, there.stdout);
          const back = await runBinary(['convert', '--from', other[format], '--to', format, ...kind, step]);
          assert.equal(back.code, 0, `${file} and back: ${back.stderr}`);
          assert.equal(back.stderr, '');
        }
      assert.ok(count > 100 && refused < 20, `${count} converted, ${refused} refused`);
    });

  test('every recorded request and wire stream to its own format keeps its bytes', async () => {
    for (const format of Object.keys(other))
      for (const row of exchanges(format))
        for (const file of row.files) {
          const kind = kindOf(file);
          if (!kind || kind[0] === 'response' || row.status >= 400 || /count_tokens/.test(row.url_path ?? '')) continue;
          const bytes = readFileSync(join(process.env.LLM_MUX_FIXTURES ?? join(import.meta.dirname, '../../../shared/fixtures'), 'upstream', format, file), 'utf8');
          const same = await runBinary(['convert', '--from', format, '--to', format, ...kind], { input: bytes });
          if (same.code !== 0 && kind[0] === 'stream') continue;
          if (kind.includes('--lines')) {
            /* Some files hold several answers, and some a second start in one: the first answer is kept. */
            const lines = bytes.split('\n').filter((l) => l.trim());
            const starts = lines.filter((l) => l.includes('"type":"message_start"')).length;
            const kept = same.stdout.trim().split('\n');
            if (!/spliced|duplicate/.test(file)) assert.deepEqual(kept, starts > 1 ? lines.slice(0, kept.length) : lines, file);
          } else if (kind[0] === 'request' && JSON.parse(bytes).stream && format === 'openai-chat') {
            assert.deepEqual({ ...JSON.parse(same.stdout), stream_options: null }, { ...JSON.parse(bytes), stream_options: null }, file);
          } else {
            assert.equal(same.stdout.trimEnd(), bytes.trimEnd(), file);
          }
        }
  });
});
