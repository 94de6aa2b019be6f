// Every SDK through the built program against every upstream format (formats.md section 8); and straight to the fake of
// its own format, which shows that SDK and fake agree when nothing stands between them.
import { after, before, describe } from 'node:test';
import { startFake } from './fake/server.mjs';
import { clientKey, noBinary, startServer } from './harness.mjs';
import { upstreams } from './matrix/table.mjs';
import { cases } from './sdks/cases.mjs';
import { allClients } from './sdks.mjs';

const keys = { 'openai-chat': 'openaiKey', 'openai-responses': 'openaiKey', anthropic: 'anthropicKey', gemini: 'geminiKey', ollama: 'ollamaKey' };
const formats = Object.fromEntries(Object.entries(allClients).map(([name, make]) => [name, make('http://127.0.0.1:9').format]));
const modelsOf = ({ plain, thinks }) => ({ plain, thinks });

for (const [name, make] of Object.entries(allClients))
  describe(`${name} straight to the fake`, () => {
    const format = formats[name];
    let up;
    let client;
    before(async () => {
      up = await startFake({ ours: false });
      client = make(up.origin, up.fake[keys[format]]);
    });
    after(() => up?.close());
    cases(() => ({ client, up }), { format, ...modelsOf(upstreams[format]), straight: true });
  });

for (const [format, upstream] of Object.entries(upstreams))
  for (const [name, make] of Object.entries(allClients))
    describe(`${name} to ${format}`, { skip: noBinary }, () => {
      const { plain, thinks } = upstream;
      let up;
      let server;
      let client;
      before(async () => {
        // A request to an upstream of its own format goes through as the SDK wrote it.
        up = await startFake({ forbidden: [clientKey], ours: formats[name] !== format });
        const models = [...new Set([plain, thinks])].map((id) => ({ name: id }));
        server = await startServer({ 'api-keys': [clientKey], providers: [{ name: 'fake', ...upstream.provider(up), models }] });
        client = make(server.baseURL);
      });
      after(async () => {
        await server?.stop('SIGKILL');
        await up?.close();
      });
      cases(() => ({ client, up }), { format, plain, thinks });
    });
