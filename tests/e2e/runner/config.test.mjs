// Section 1 of the runner's specification, from the outside: merge, errors at their place, expansion, trust.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { ask, chatReply, configToml, flow, lab, query, shell, stub, test } from './lab.mjs';

/** The entry of one backend as `config show` prints it. */
async function shown(place, section, name, ...args) {
  const done = await place.cli('config', 'show', '--json', section, ...args);
  assert.equal(done.code, 0, done.stderr);
  const all = JSON.parse(done.stdout);
  const entry = Object.values(all)[0];
  return (entry.value ?? entry)[name];
}

test('merge: the command of the user and the timeout of the project are both kept', async (t) => {
  const place = lab(t, {
    config: { backends: { b: { command: 'echo', args: ['-n'], timeout: 60 } } },
    files: { '.llm-mux/config.toml': '[backends.b]\ntimeout = 300\n' },
  });
  const b = await shown(place, 'backends', 'b', '--trust');
  assert.equal(b.command, 'echo');
  assert.deepEqual(b.args, ['-n']);
  assert.match(String(b.timeout), /^(300|5m|300s|300000)$/);
});

test('merge: a default of the user is set back by the project that names it', async (t) => {
  const place = lab(t, { config: { defaults: { timeout: 60, parallel: true } }, files: { '.llm-mux/config.toml': '[defaults]\ntimeout = 300\nparallel = false\n' } });
  const done = await place.cli('config', 'show', 'defaults', '--trust');
  assert.equal(done.code, 0, done.stderr);
  assert.match(done.stdout, /timeout"?[:=] *"?(300|5m)\b/);
  assert.match(done.stdout, /parallel"?[:=] *"?false/);
});

test('merge: roles, teams and ecosystems merge key by key, lists replace', async (t) => {
  const place = lab(t, {
    config: {
      backends: { a: { command: 'echo' }, b: { command: 'echo' } },
      roles: { r: { description: 'of the user', backends: ['a'], execution: 'fallback' } },
      teams: { own: { description: 'mine', detect: ['x'], verify: 'true' } },
    },
    files: { '.llm-mux/config.toml': '[roles.r]\nbackends = ["b"]\n[teams.own]\nverify = "false"\n' },
  });
  const role = await shown(place, 'roles', 'r', '--trust');
  assert.equal(role.description, 'of the user');
  assert.deepEqual(role.backends, ['b']);
  assert.equal(role.execution, 'fallback');
  const team = await shown(place, 'teams', 'own', '--trust');
  assert.equal(team.verify, 'false');
  assert.deepEqual(team.detect, ['x']);
});

test('merge: knowledge replaces, knowledge_append adds', async (t) => {
  const of = async (key) => {
    const place = lab(t, {
      config: { ecosystems: { e: { knowledge: ['one'] } } },
      files: { '.llm-mux/config.toml': `[ecosystems.e]\n${key} = ["two"]\n` },
      workflows: { w: flow({ s: shell('echo {{ ecosystem.knowledge | join("+") | safe }}') }) },
    });
    return place.text('w', '--ecosystem', 'e', '--trust');
  };
  assert.equal(await of('knowledge'), 'two');
  assert.equal(await of('knowledge_append'), 'one+two');
});

test('unknown key, bad enum: an unknown key of a backend has its place and the likely key', async (t) => {
  const place = lab(t, { config: '[backends.claude]\ncomand = "claude"\n', workflows: { w: { s: shell('true') } } });
  for (const args of [['run', 'w'], ['backends'], ['roles'], ['config', 'validate']]) {
    const done = await place.cli(...args);
    assert.equal(done.code, 2, `${args}: ${done.stderr}`);
    assert.match(done.stderr, /config\.toml:2:1/);
    assert.match(done.stderr, /comand/);
    assert.match(done.stderr, /backends\.claude/);
    assert.match(done.stderr, /did you mean `command`/);
  }
});

test('unknown key, bad enum: a wrong execution lists what is allowed', async (t) => {
  const place = lab(t, { config: '[backends.a]\ncommand = "echo"\n[roles.r]\nbackends = ["a"]\nexecution = "paralel"\n' });
  const done = await place.cli('roles');
  assert.equal(done.code, 2);
  assert.match(done.stderr, /config\.toml:5:\d+/);
  for (const word of ['paralel', 'first', 'fallback', 'did you mean `parallel`']) assert.ok(done.stderr.includes(word), `${word} in ${done.stderr}`);
});

test('unknown key, bad enum: every error of a file is told at once, also wrong types and types of backends', async (t) => {
  const place = lab(t, { config: '[defaults]\nmax_concurrent = 0\n[backends.a]\ncommand = 7\n[backends.b]\ntype = "htp"\n[teams.t]\ndetekt = ["x"]\n[ecosystems.e.projects.p]\npath = "/"\ntagz = []\n' });
  const done = await place.cli('backends');
  assert.equal(done.code, 2);
  for (const line of [2, 4, 6, 8, 11]) assert.match(done.stderr, new RegExp(`config\\.toml:${line}:`), `line ${line}:\n${done.stderr}`);
  assert.match(done.stderr, /detect/);
  assert.match(done.stderr, /did you mean `?http`?/);
  assert.match(done.stderr, /command`[^\n]*(?:text|string)[^\n]*7/);
});

test('unknown key, bad enum: an unknown table at the top, and what is missing after the merge', async (t) => {
  const top = lab(t, { config: '[backend.a]\ncommand = "x"\n' });
  const done = await top.cli('backends');
  assert.equal(done.code, 2);
  assert.match(done.stderr, /did you mean `backends`/);
  const missing = lab(t, { config: '[roles.r]\ndescription = "no backends"\n', workflows: { w: { s: query('r', 'x') } } });
  const run = await missing.cli('run', 'w');
  assert.equal(run.code, 2, run.stderr);
  assert.match(run.stderr, /r\b[^]*backends|backends[^]*\br\b/);
});

test('unknown key, bad enum: a role that names no backend is found before anything runs', async (t) => {
  const place = lab(t, { config: { backends: { claude: { command: 'echo' } }, roles: { r: { backends: ['cluade'] } } }, workflows: { w: { a: shell('touch ran'), s: query('r', 'x') } } });
  const done = await place.cli('run', 'w');
  assert.equal(done.code, 2);
  assert.match(done.stderr, /cluade/);
  assert.match(done.stderr, /did you mean `?claude`?/);
  assert.ok(!place.has('ran'));
});

test('unknown key, bad enum: a backend timeout that looks like milliseconds is warned of', async (t) => {
  const place = lab(t, { config: { backends: { a: { command: 'echo', timeout: 120000 } } } });
  const done = await place.cli('backends');
  assert.equal(done.code, 0);
  assert.match(done.stderr, /warning[^]*timeout[^]*second/i);
});

test('workflow parse error: line, column and reason are printed', async (t) => {
  const place = lab(t, { workflows: { w: 'name = "w"\n\n[[steps]]\nname = "a"\nrun = "unclosed\n' } });
  for (const command of ['run', 'validate']) {
    const done = await place.cli(command, 'w');
    assert.equal(done.code, command === 'run' ? 2 : 1, `${command}: ${done.stderr}`);
    assert.match(done.stderr, /w\.toml:5:\d+/);
    assert.match(done.stderr, /run = "unclosed/);
    assert.match(done.stderr, /\^/);
  }
});

test('workflow parse error: unknown keys of steps, arguments and schemas have their place', async (t) => {
  const place = lab(t, { workflows: { w: 'nmae = "w"\n[args.x]\nrequird = true\n[[steps]]\nname = "a"\ntype = "shell"\nrunn = "true"\n' } });
  const done = await place.cli('validate', 'w');
  assert.equal(done.code, 1);
  assert.match(done.stderr, /w\.toml:1:1[^]*did you mean `name`/);
  assert.match(done.stderr, /w\.toml:3:1[^]*did you mean `required`/);
  assert.match(done.stderr, /w\.toml:7:1[^]*did you mean `run`/);
});

test('a malformed configuration leaves --help, --version and init --force alone', async (t) => {
  const place = lab(t, { config: 'this is = = not toml\n' });
  assert.equal((await place.cli('--help')).code, 0);
  assert.equal((await place.cli('--version')).code, 0);
  const broken = await place.cli('backends');
  assert.equal(broken.code, 2);
  assert.match(broken.stderr, /config\.toml:1:\d+/);
  const doctor = await place.cli('doctor', '--offline');
  assert.equal(doctor.code, 1, doctor.stderr);
  assert.match(doctor.stdout + doctor.stderr, /config\.toml:1/);
});

test('the project is found from below, not past the root of a repository', async (t) => {
  const place = lab(t, { files: { '.llm-mux/config.toml': '[teams.near]\ndetect = []\n', 'sub/deep/x': '', 'repo/.git/HEAD': 'ref: refs/heads/main\n', 'repo/sub/x': '' } });
  const below = await place.cliWith({ cwd: place.path('sub/deep') }, 'teams');
  assert.match(below.stdout, /^near /m);
  const beyond = await place.cliWith({ cwd: place.path('repo/sub') }, 'teams');
  assert.doesNotMatch(beyond.stdout, /^near /m);
});

// ---------------------------------------------------------------- env expansion

const secret = 'k-abcdef-0123456789-expanded';

test('env expansion: the API key is expanded, and never shown', async (t) => {
  const http = await stub(t, 'chat', () => chatReply('fine'));
  const place = lab(t, {
    config: { backends: { h: { command: `${http.origin}/v1`, api_key: '${K_OF_TEST}', model: 'm' } } },
    workflows: { w: { s: ask('h', 'hello') } }, env: { K_OF_TEST: secret },
  });
  const done = await place.run(0, 'w', '--debug', '--verbose');
  assert.equal(done.stdout, 'fine\n');
  assert.equal(http.requests[0].headers.authorization, `Bearer ${secret}`);
  assert.ok(!(done.stdout + done.stderr).includes(secret));
  for (const [file, text] of place.written()) assert.ok(!text.includes(secret), file);
});

test('env expansion: an unset variable is named, and breaks only the backend that needs it', async (t) => {
  const http = await stub(t, 'chat', () => chatReply('x'));
  const place = lab(t, {
    config: `[backends.h]\ncommand = "${http.origin}/v1"\napi_key = "\${K_THAT_IS_UNSET}"\nmax_retries = 0\n[backends.e]\ncommand = "echo"\n`,
    workflows: { bad: { s: ask('h', 'hello') }, good: { s: ask('e', 'hello') } },
  });
  assert.equal(await place.text('good'), 'hello');
  const done = await place.run(1, 'bad');
  assert.match(done.stderr, /K_THAT_IS_UNSET/);
  assert.match(done.stderr, /api_key/);
  assert.match(done.stderr, /config\.toml:\d/);
  assert.equal(http.requests.length, 0);
});

test('env expansion: the place of an unset variable is the line of the key', async (t) => {
  const place = lab(t, { config: '[backends.h]\ncommand = "http://127.0.0.1:1/v1"\napi_key = "${K_THAT_IS_UNSET}"\n', workflows: { bad: { s: ask('h', 'hello') } } });
  assert.match((await place.run(1, 'bad')).stderr, /config\.toml:3/);
});

test('env expansion: ${K:-x} gives x, $$ a dollar, a bare $NAME stays', async (t) => {
  const place = lab(t, { config: { backends: { e: { command: 'printf', args: ['%s|%s|%s|%s\n', '${NO_SUCH_NAME:-x}', '$$HOME', '$HOME', '${A_SET}'] } } }, workflows: { w: { s: ask('e', 'p') } }, env: { A_SET: 'set' } });
  // printf uses its format again for what is left: the prompt.
  assert.equal((await place.text('w')).split('\n')[0], 'x|$HOME|$HOME|set');
});

test('env expansion: command, env, headers, model and base_url are expanded too', async (t) => {
  const http = await stub(t, 'chat', () => chatReply('x'));
  const place = lab(t, {
    config: {
      backends: {
        h: { type: 'http', base_url: '${ORIGIN_OF_STUB}/v1', model: '${MODEL_OF_TEST}', headers: { 'X-Own': 'v-${MODEL_OF_TEST}' } },
        c: { command: '${SHELL_OF_TEST}', args: ['-c', 'echo "$INNER"', 'sh'], env: { INNER: '${MODEL_OF_TEST}' } },
      },
    },
    workflows: { h: { s: ask('h', 'hello') }, c: { s: ask('c', 'hello') } },
    env: { ORIGIN_OF_STUB: http.origin, MODEL_OF_TEST: 'model-7', SHELL_OF_TEST: '/bin/sh' },
  });
  await place.run(0, 'h');
  assert.equal(http.requests[0].body.model, 'model-7');
  assert.equal(http.requests[0].headers['x-own'], 'v-model-7');
  // An expanded value is a secret: the answer itself is the result, and may be masked where it is shown.
  const c = await place.run(0, 'c');
  assert.ok(['model-7\n', '***\n'].includes(c.stdout), c.stdout);
});

test('backend env forms: pairs and a table both reach the child', async (t) => {
  const print = ['-c', 'echo "$ONE $TWO"', 'sh'];
  const place = lab(t, {
    config: { backends: { pairs: { command: 'sh', args: print, env: [['ONE', 'first'], ['TWO', 'second']] }, table: { command: 'sh', args: print, env: { ONE: 'erste', TWO: 'zweite' } } } },
    workflows: { w: flow({ a: ask('pairs', 'p'), b: ask('table', 'p') }, { output: '{{ steps.a.output }};{{ steps.b.output }}' }) },
  });
  assert.equal(await place.text('w'), 'first second;erste zweite');
});

// ---------------------------------------------------------------- trust

const projectConfig = (command) => configToml({ backends: { p: { command } }, roles: { r: { backends: ['p'] } } });

test('trust: a command of a project does not run before it is trusted', async (t) => {
  const place = lab(t, { workflows: { w: { s: query('r', 'hello') } } });
  const backend = place.canned('p', 'answered');
  place.write('.llm-mux/config.toml', projectConfig(backend.command));
  const refused = await place.run(2, 'w');
  assert.match(refused.stderr, /trust/);
  assert.match(refused.stderr, /\.llm-mux\/config\.toml/);
  assert.equal(backend.calls(), 0);

  assert.equal((await place.run(0, 'w', '--trust')).stdout, 'answered\n');
  await place.run(2, 'w');
  assert.equal(backend.calls(), 1);

  const trusted = await place.cli('trust');
  assert.equal(trusted.code, 0, trusted.stderr);
  await place.run(0, 'w');
  assert.equal(backend.calls(), 2);

  place.write('.llm-mux/config.toml', `${projectConfig(backend.command)}\n# another thought\n`);
  await place.run(2, 'w');
  assert.equal(backend.calls(), 2);

  await place.cli('trust');
  assert.equal((await place.cli('trust', '--remove')).code, 0);
  await place.run(2, 'w');
  assert.equal(backend.calls(), 2);
});

const dangerous = {
  'a command': '[backends.u]\ncommand = "/bin/echo"\n',
  'arguments': '[backends.u]\nargs = ["-c", "touch pwned"]\n',
  'a base URL': '[backends.u]\nbase_url = "http://127.0.0.1:1"\n',
  'a key': '[backends.u]\napi_key = "x"\n',
  'the name of a key variable': '[backends.u]\napi_key_env = "AWS_SECRET_ACCESS_KEY"\n',
  'an environment': '[backends.u]\nenv = { LD_PRELOAD = "/tmp/x.so" }\n',
  'headers': '[backends.u]\nheaders = { Authorization = "x" }\n',
  'a command wrapper': '[defaults]\ncommand_wrapper = "sh -c"\n',
  'a verify command': '[teams.t]\nverify = "touch pwned"\n',
};
for (const [what, text] of Object.entries(dangerous))
  test(`trust: ${what} of a project has no effect untrusted`, async (t) => {
    const place = lab(t, { workflows: { w: { s: query('u', 'hello') } } });
    const backend = place.canned('u', 'of the user');
    place.configure({ backends: { u: { command: backend.command, enabled: true } }, roles: { u: { backends: ['u'] } }, teams: { t: { detect: ['*'] } } });
    place.write('.llm-mux/config.toml', text);
    const done = await place.cli('run', 'w');
    assert.equal(done.code, 2, `${done.stdout}\n${done.stderr}`);
    assert.match(done.stderr, /trust/);
    assert.equal(backend.calls(), 0);
    assert.ok(!place.has('pwned'));
  });

test('trust: what is harmless counts without it', async (t) => {
  const place = lab(t, { files: { '.llm-mux/config.toml': '[roles.r]\ndescription = "of the project"\nbackends = ["u"]\n' }, workflows: { w: { s: query('r', 'hello') } } });
  place.configure({ backends: { u: { command: 'echo' } } });
  assert.equal(await place.text('w'), 'hello');
});

test('trust: a workflow of the project waits for trust as well', async (t) => {
  const place = lab(t, { files: { '.llm-mux/workflows/p.toml': flow({ s: shell('touch ran') }, { name: 'p' }) } });
  const refused = await place.cli('run', 'p');
  assert.equal(refused.code, 2, refused.stderr);
  assert.match(refused.stderr, /trust/);
  assert.ok(!place.has('ran'));
  await place.cli('trust');
  await place.run(0, 'p');
  assert.ok(place.has('ran'));
});

test('trust: naming a file of .llm-mux by its path is no way around, nor is the name of a built-in workflow', async (t) => {
  const place = lab(t, { files: { '.llm-mux/workflows/p.toml': flow({ s: shell('touch ran') }), '.llm-mux/workflows/hunt.toml': flow({ s: shell('touch ran') }) } });
  for (const name of ['.llm-mux/workflows/p.toml', './.llm-mux/../.llm-mux/workflows/p.toml', place.path('.llm-mux/workflows/p.toml'), 'hunt']) {
    const done = await place.cli('run', name);
    assert.equal(done.code, 2, `${name}: ${done.stderr}`);
    assert.match(done.stderr, /trust/);
    assert.ok(!place.has('ran'));
  }
});

test('trust: an untrusted project sends no file from elsewhere to a model', async (t) => {
  for (const name of ['outside.md', '/etc/passwd']) {
    const place = lab(t, { workflows: { w: { s: query('u', 'hello') } }, files: { mark: '' } });
    const backend = place.canned('u', 'x');
    const { writeFileSync } = await import('node:fs');
    writeFileSync(join(place.home, 'outside.md'), 'private words root:x:0');
    place.configure({ backends: { u: { command: backend.command } }, roles: { u: { backends: ['u'] } } });
    place.write('.llm-mux/config.toml', `[teams.t]\ndetect = ["mark"]\ncontext = ["${name.startsWith('/') ? name : `../${name}`}"]\n`);
    await place.cli('run', 'w');
    for (const prompt of backend.prompts()) assert.doesNotMatch(prompt, /private words|root:x:0/, name);
  }
});

test('trust: a file of a project that is a link to a private one is not sent either', async (t) => {
  const place = lab(t, { workflows: { w: { s: query('u', 'hello') } }, files: { mark: '' } });
  const backend = place.canned('u', 'x');
  const { symlinkSync, writeFileSync } = await import('node:fs');
  writeFileSync(join(place.home, 'outside.md'), 'private words');
  symlinkSync(join(place.home, 'outside.md'), place.path('inside.md'));
  place.configure({ backends: { u: { command: backend.command } }, roles: { u: { backends: ['u'] } } });
  place.write('.llm-mux/config.toml', '[teams.t]\ndetect = ["mark"]\ncontext = ["inside.md"]\n');
  await place.cli('run', 'w');
  for (const prompt of backend.prompts()) assert.doesNotMatch(prompt, /private words/);
});

test('trust: the record lies in the state directory, readable by its owner alone', async (t) => {
  const place = lab(t, { files: { '.llm-mux/config.toml': '[backends.b]\ncommand = "echo"\n' } });
  await place.cli('trust');
  const list = await place.cli('trust', '--list');
  assert.match(list.stdout, /project\/\.llm-mux\/config\.toml/);
  const { statSync } = await import('node:fs');
  assert.equal((statSync(join(place.env.XDG_STATE_HOME, 'llm-mux/trust.json')).mode & 0o777).toString(8), '600');
});
