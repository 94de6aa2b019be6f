// The vendors' own command-line tools as command backends, asked by `llm-mux ask`, against the fake upstream of their own format: plain
// text out, the events of their JSON modes read, refused keys and rate limits classified (workflows.md 2.1, 2.5).
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { agents, missing, placeAgent, runGroup } from './agents.mjs';
import { startFake } from './fake/server.mjs';
import { noBinary } from './harness.mjs';

const timeout = 120_000;
const toml = JSON.stringify; // strings and lists of them are written alike

/** How each is told where its API is, its arguments for plain text, and those that make it print JSON. */
const vendors = {
  'claude-code': {
    env: (up) => ({ ANTHROPIC_BASE_URL: up.origin, ANTHROPIC_API_KEY: up.fake.anthropicKey, ANTHROPIC_MODEL: 'claude-sonnet-4-5', ANTHROPIC_DEFAULT_HAIKU_MODEL: 'claude-haiku-4-5', CLAUDE_CODE_MAX_RETRIES: '0' }),
    plain: () => ['-p'],
    json: () => ['-p', '--output-format', 'json'],
    lines: () => ['-p', '--output-format', 'stream-json', '--verbose'],
  },
  codex: {
    env: (up) => ({ FAKE_KEY: up.fake.openaiKey }),
    provider: (up) => [
      '--skip-git-repo-check', '-c', 'analytics.enabled=false', '-c', 'model="gpt-5-mini"', '-c', 'model_provider="fake"', '-c', 'model_providers.fake.name="fake"',
      '-c', `model_providers.fake.base_url="${up.openaiBase}"`, '-c', 'model_providers.fake.env_key="FAKE_KEY"', '-c', 'model_providers.fake.wire_api="responses"',
      '-c', 'model_providers.fake.request_max_retries=0', '-c', 'model_providers.fake.stream_max_retries=0',
    ],
    plain: (up) => ['exec', ...vendors.codex.provider(up)],
    lines: (up) => ['exec', '--json', ...vendors.codex.provider(up)],
  },
  'gemini-cli': {
    env: (up) => ({ GOOGLE_GEMINI_BASE_URL: up.origin, GEMINI_API_KEY: up.fake.geminiKey, GEMINI_MODEL: 'gemini-2.5-flash' }),
    plain: () => ['-p'],
    json: () => ['--output-format', 'json', '-p'],
    lines: () => ['-o', 'stream-json', '-p'],
  },
};

for (const [name, vendor] of Object.entries(vendors)) {
  const agent = agents[name];
  describe(`${agent.program} as a command backend`, { skip: noBinary || missing(agent) }, () => {
    let up;
    before(async () => { up = await startFake(); });
    after(async () => { await up?.close(); });

    /** Asks the vendor's program one question; gives its check the exit code, what was told by type, and words for messages of failures. */
    async function ask(args, prompt, check) {
      const place = placeAgent(name);
      if (name === 'gemini-cli') {
        mkdirSync(join(place.home, '.gemini'), { recursive: true });
        writeFileSync(join(place.home, '.gemini/settings.json'), JSON.stringify({ general: { maxAttempts: 1 }, security: { auth: { selectedType: 'gemini-api-key' } } }));
      }
      const config = join(place.env.XDG_CONFIG_HOME, 'llm-mux');
      mkdirSync(config, { recursive: true });
      writeFileSync(join(config, 'config.toml'), [
        '[backends.vendor]', `command = ${toml(agent.program)}`, `args = ${toml(args)}`, 'max_retries = 0', 'timeout = 60', '',
      ].join('\n'));
      up.fake.reset();
      try {
        const env = { ...place.env, ...vendor.env(up) };
        const done = await runGroup(['ask', '--output', 'json', '--dir', place.cwd, '-b', 'vendor', prompt], { cwd: place.cwd, env });
        const said = `${agent.program} ${args.join(' ')}\nstdout: ${done.stdout.slice(-3000)}\nstderr: ${done.stderr.slice(-3000)}\nasked: ${up.fake.entries.length}`;
        const told = Object.fromEntries(done.stdout.trim().split('\n').map((line) => JSON.parse(line)).map((event) => [event.type, event]));
        check({ code: done.code, ...told }, said);
      } finally {
        place.remove();
      }
    }

    for (const mode of ['plain', 'json', 'lines'].filter((m) => vendor[m]))
      test(`an answer (${mode})`, { timeout }, () => ask(vendor[mode](up), '[[fake:echo]] Hello there', ({ code, Result, StepComplete }, said) => {
        assert.equal(code, 0, said);
        assert.match(Result.output, /^echo: [^]*Hello there\s*$/, said);
        // Only what they print as JSON tells of tokens.
        assert.equal(StepComplete.usage !== undefined, mode !== 'plain', said);
        // claude looks first whether anybody is there.
        assert.deepEqual(up.fake.rejections.map((e) => e.rejection).filter((r) => r !== 'no such path: /'), [], said);
      }));

    for (const [scenario, kind] of [['error-401', 'auth_error'], ['error-429', 'rate_limit']])
      for (const mode of ['plain', 'lines'])
        test(`${scenario} is ${kind} (${mode})`, { timeout }, () => ask(vendor[mode](up), `[[fake:${scenario}]] Hello there`, ({ code, StepError, Result }, said) => {
          assert.equal(code, 1, said);
          assert.equal(StepError.kind, kind, said);
          assert.equal(Result.success, false, said);
          assert.ok(up.fake.entries.length > 0, said);
        }));
  });
}
