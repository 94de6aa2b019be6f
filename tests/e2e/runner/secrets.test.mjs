// "No secret is ever printed": unique secrets in every place a secret can be, looked for in every output and every file that was written.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { ask, chatReply, flow, lab, shell, stub, test, tree } from './lab.mjs';

const secrets = {
  api_key: 'S-apikey-7f3a91c2d4', env_key: 'S-envkey-b81c02e7aa', header: 'S-header-0c4477e1b2', process_key: 'S-processkey-9e8d7c', process_token: 'S-proctoken-112233ff', argument: 'S-argument-q-66aa77', project_file: 'S-dotenv-3b3b3b3b3b', expanded: 'S-expanded-a9a9a9a9',
};

/** Every secret, in the config, the environment, an argument and a file; a flow that passes each on. */
async function planted(t, { fail = false } = {}) {
  const http = await stub(t, 'chat', (request) => (fail
    ? { status: 400, body: { error: { message: `bad request with ${request.headers.authorization} and ${request.headers['x-own']}` } } }
    : chatReply(`you sent ${request.headers.authorization}`)));
  const place = lab(t, {
    config: {
      backends: {
        h: { command: http.origin, model: 'm', api_key: secrets.api_key, headers: { 'X-Own': secrets.header }, max_retries: 0 },
        v: { command: http.origin, model: 'm', api_key_env: 'OF_TEST_KEY', max_retries: 0 },
        x: { command: http.origin, model: 'm', api_key: '${SOME_VARIABLE}', max_retries: 0 },
        c: { command: 'sh', args: ['-c', `echo "$$INNER" >&2; echo "$$INNER $$OTHER_TOKEN"; exit ${fail ? 1 : 0}`, 'sh'], env: { INNER: '${SOME_VARIABLE}' }, max_retries: 0 },
      },
    },
    env: { OF_TEST_KEY: secrets.env_key, SOME_VARIABLE: secrets.expanded, DEPLOY_KEY: secrets.process_key, OTHER_TOKEN: secrets.process_token },
    files: { '.env': `FILE_PASSWORD=${secrets.project_file}\n` },
  });
  const go = { continue_on_error: true };
  place.workflow('w', `[args.password]\nsecret = true\nrequired = true\n${flow({
    h: ask('h', 'hello', go), v: ask('v', 'hello', go), x: ask('x', 'hello', go), c: ask('c', 'hello', go),
    s: shell('echo "$DEPLOY_KEY $OTHER_TOKEN" >&2; echo {{ args.password }} >/dev/null; exit 1', go),
    p: ask('h', 'the password is {{ args.password }}', go),
    e: shell('printf "%s\\n" "{{ steps.s.error.stderr }}" >/dev/null', go),
    end: shell(fail ? 'exit 4' : 'echo fine'),
  }, {})}`);
  return { place, http };
}

function look(what, text) {
  for (const [name, secret] of Object.entries(secrets)) {
    for (const form of [secret, JSON.stringify(secret).slice(1, -1), secret.replaceAll("'", "'\\''")]) assert.ok(!text.includes(form), `${what} shows the secret ${name}: ${text.slice(Math.max(0, text.indexOf(form) - 160), text.indexOf(form) + 60)}`);
  }
}

/** Every file that was written and is not the test's own. */
function lookAtFiles(place) {
  const own = ['config', 'fakes', 'project/.env'];
  for (const [file, text] of place.written(own)) look(file, text);
  for (const file of tree(place.home)) look('the name of a file', file);
}

const modes = [[], ['--verbose'], ['--debug'], ['--debug', '--trace'], ['--output', 'json'], ['--output', 'json', '--debug', '--trace'], ['--quiet'], ['--stream'], ['--dry-run']];
for (const fail of [false, true])
  for (const mode of modes)
    test(`secrets: ${fail ? 'a failed run' : 'a run'} with ${mode.join(' ') || 'no flag'}`, async (t) => {
      const { place } = await planted(t, { fail });
      const log = join(place.home, 'the.log');
      const done = await place.cli('run', 'w', `password=${secrets.argument}`, ...mode, ...(mode.includes('--debug') ? ['--log-file', log] : []));
      assert.equal(done.code, fail && !mode.includes('--dry-run') ? 1 : 0, done.stderr);
      look('standard output', done.stdout);
      look('standard error', done.stderr);
      lookAtFiles(place);
    });

test('secrets: value of a secret arg absent from log, events and state, and known again at a resume', async (t) => {
  const place = lab(t, { workflows: { w: `[args.token]\nsecret = true\n${flow({ a: shell('echo got {{ args.token }}'), b: shell('[ -e go ]') })}` } });
  const value = 'very-secret-value-4711';
  const done = await place.json(1, 'w', `token=${value}`);
  assert.ok(!(done.stdout + done.stderr).includes(value));
  assert.ok(done.stdout.includes('***'));
  for (const [file, text] of place.written(['config'])) assert.ok(!text.includes(value), file);
});

test('secrets: every command that shows a configuration or a run', async (t) => {
  const { place } = await planted(t);
  await place.cli('run', 'w', `password=${secrets.argument}`);
  for (const args of [['config', 'show'], ['config', 'show', '--json'], ['config', 'show', '--origin', 'backends'], ['backends'], ['backends', '--output', 'json'], ['doctor', '--offline'], ['doctor', '--offline', '--json'], ['runs'], ['runs', 'show', 'last'], ['runs', 'show', 'last', '--output', 'json'], ['graph', 'w'], ['validate', 'w'], ['plan', 'w', `password=${secrets.argument}`], ['trust', '--list']]) {
    const done = await place.cli(...args);
    look(args.join(' '), done.stdout + done.stderr);
  }
});

test('secrets: an error in the configuration shows no value of a key', async (t) => {
  const place = lab(t, { config: `[backends.h]\ncommand = "http://127.0.0.1:1"\napi_key = ["${secrets.api_key}"]\napi_kye = "${secrets.env_key}"\nheaders = { X = 3, Y = "${secrets.header}" }\n` });
  for (const command of ['backends', 'config', 'doctor']) {
    const done = await place.cli(...(command === 'config' ? ['config', 'validate'] : command === 'doctor' ? ['doctor', '--offline'] : [command]));
    assert.notEqual(done.code, 0);
    look(command, done.stdout + done.stderr);
  }
});

test('secrets: a key is not in the arguments of a process', async (t) => {
  const http = await stub(t, 'chat', () => chatReply('x'));
  const place = lab(t);
  const spy = place.script('spy', "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' >\"$HOME/cmdlines\"; echo x");
  const own = 'S-only-in-this-test-51c7';
  place.configure({ backends: { spy: { command: spy, env: { INNER_SECRET: own } }, h: { command: http.origin, model: 'm', api_key: own } } });
  place.workflow('w', flow({ h: ask('h', 'hello', { depends_on: [] }), s: ask('spy', 'hello', { depends_on: [] }) }));
  await place.run(0, 'w');
  const seen = place.written(['config', 'fakes']).find(([f]) => f === 'cmdlines')[1];
  assert.ok(seen.includes('llm-mux run w'), 'the spy saw nothing');
  assert.ok(!seen.includes(own), 'a key is in the arguments of a process');
});

test('secrets: what the environment of a backend holds under a name of secrets', async (t) => {
  const value = 'S-backendenv-55d0c9';
  const place = lab(t, { config: { backends: { c: { command: 'sh', args: ['-c', 'echo "$$INNER_SECRET" >&2; echo "$$INNER_SECRET"; exit 1', 'sh'], env: { INNER_SECRET: value }, max_retries: 0 } } }, workflows: { w: flow({ c: ask('c', 'x'), s: shell('true') }) } });
  const done = await place.run(1, 'w', '--output', 'json');
  assert.ok(!(done.stdout + done.stderr).includes(value), 'shown');
  for (const [file, text] of place.written(['config'])) assert.ok(!text.includes(value), file);
});

test('secrets: one with quotes is masked in the forms of the shell, too', async (t) => {
  const place = lab(t, { workflows: { w: `[args.p]\nsecret = true\n${flow({ a: shell('echo {{ args.p }} >/dev/null; echo "{{ args.p }}" >/dev/null; exit 1') })}` } });
  for (const mode of [[], ['--output', 'json'], ['--dry-run']]) {
    const done = await place.cli('run', 'w', 'p=S-argument-\'q"$x-66aa77', ...mode);
    assert.ok(!(done.stdout + done.stderr).includes('66aa77'), done.stdout + done.stderr);
  }
  for (const [file, text] of place.written(['config'])) assert.ok(!text.includes('66aa77'), file);
});

test('secrets: what a program says on stderr, in the debug log', async (t) => {
  const place = lab(t, { config: { backends: { c: { command: 'sh', args: ['-c', 'echo "$$OTHER_TOKEN" >&2; echo x', 'sh'] } } }, workflows: { w: flow({ c: ask('c', 'x') }) }, env: { OTHER_TOKEN: secrets.process_token } });
  const done = await place.run(0, 'w', '--debug', '--log-file', join(place.home, 'the.log'));
  look('standard error', done.stderr);
  lookAtFiles(place);
});
