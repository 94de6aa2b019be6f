// Real agents from npm, started by `llm-mux with`, against the fake upstream of a format that is not their own: a prompt, a
// streamed prompt, and a tool that is run for real between two requests.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { agents, missing, piecesOf, runAgent } from './agents.mjs';
import { startFake } from './fake/server.mjs';
import { clientKey, noBinary, startServer } from './harness.mjs';
import { upstreams } from './matrix/table.mjs';

/** Starting takes an agent some seconds of CPU; runAgent itself gives up earlier. */
const timeout = 300_000;
const made = 'made by a tool';

for (const [name, agent] of Object.entries(agents)) {
  // Each kind of run goes to another upstream, never to one of its own format.
  const foreign = Object.keys(upstreams).filter((format) => format !== agent.format);
  const runs = Object.fromEntries(['say', 'stream', 'use'].map((kind, k) => [kind, foreign[k % foreign.length]]));

  describe(`${name} (${agent.format})`, { skip: noBinary || missing(agent) }, () => {
    let up;
    let server;
    before(async () => {
      up = await startFake({ forbidden: [clientKey] });
      const providers = Object.entries(upstreams).map(([format, u]) => ({ name: `up-${format}`, ...u.provider(up), models: [{ name: u.plain }] }));
      server = await startServer({ 'api-keys': [clientKey], providers });
    });
    after(async () => {
      await server?.stop('SIGKILL');
      await up?.close();
    });

    /** Runs the agent; what it printed goes into every message of a failure. */
    async function run(kind, prompt, check) {
      up.fake.reset();
      const format = runs[kind];
      const done = await runAgent(name, agent[kind](prompt), { server, key: clientKey, model: `up-${format}://${upstreams[format].plain}` });
      const said = `${name} ${kind}\nstdout: ${done.stdout.slice(-3000)}\nstderr: ${done.stderr.slice(-3000)}\nserver: ${server.stderr.slice(-2000)}`;
      try {
        assert.deepEqual([done.code, done.signal], [0, null], said);
        assert.deepEqual(up.fake.rejections.map((e) => e.rejection), [], said);
        assert.ok(up.fake.entries.length > 0, said);
        for (const entry of up.fake.entries) assert.equal(entry.format, format);
        check(done, said);
      } finally {
        done.remove();
      }
    }

    test(`a prompt, answered by ${runs.say}`, { timeout }, () => run('say', '[[fake:echo]] Hello there', ({ stdout }, said) => {
      assert.match(stdout, /echo: [^]*Hello there/, said);
    }));

    test(`a streamed prompt, answered by ${runs.stream}`, { timeout }, () => run('stream', '[[fake:echo]] Hello there', ({ stdout }, said) => {
      const pieces = piecesOf(agent, stdout);
      assert.match(pieces.join(''), /echo: [^]*Hello there/, said);
      assert.ok(agent.comesWhole || pieces.length > 1, said);
    }));

    test(`a tool round trip, asked for by ${runs.use}`, { timeout }, () => {
      const [tool, args] = agent.tool(`echo ${made} > made.txt; echo and told`);
      const words = Buffer.from(JSON.stringify(args)).toString('base64');
      return run('use', `[[fake:use:${tool} ${words}]] please`, ({ stdout, cwd }, said) => {
        assert.equal(readFileSync(join(cwd, 'made.txt'), 'utf8'), `${made}\n`, said);
        assert.match(stdout, /used: [^]*and told/, said);
        const last = up.fake.entries.findLast((e) => e.seen.results.length > 0);
        assert.match(last.seen.results[0].text, /and told/, said);
      });
    });
  });
}
