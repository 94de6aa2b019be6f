// Every client through the built program against every upstream format (formats.md section 8); and straight to the fake
// of its own format, which shows that client and fake agree when nothing stands between them.
import { after, before, describe } from 'node:test';
import { allClients } from './clients.mjs';
import { startFake } from './fake/server.mjs';
import { clientKey, noBinary, startServer } from './harness.mjs';
import { cases } from './matrix.mjs';

const named = (list) => list.map((name) => ({ name }));

/** The configuration's entry for the upstream of each format. */
const providers = {
  'openai-chat': (up) => ({ type: 'openai', name: 'fake', 'base-url': up.openaiBase, 'api-key': up.fake.openaiKey }),
  anthropic: (up) => ({ type: 'anthropic', name: 'fake', 'base-url': up.origin, 'api-key': up.fake.anthropicKey }),
};
/** Formats that clients may speak to the program. */
const spoken = ['openai-chat', 'anthropic'];
const keys = { 'openai-chat': 'openaiKey', 'openai-responses': 'openaiKey', anthropic: 'anthropicKey', gemini: 'geminiKey', ollama: 'ollamaKey' };
const formats = Object.fromEntries(Object.entries(allClients).map(([name, make]) => [name, make('http://127.0.0.1:9').format]));

for (const [name, make] of Object.entries(allClients))
  describe(`${name} straight to the fake`, () => {
    let up;
    let client;
    before(async () => {
      up = await startFake({ ours: false });
      client = make(up.origin, up.fake[keys[formats[name]]]);
    });
    after(() => up?.close());
    cases(() => ({ client, up }), { format: formats[name], straight: true });
  });

for (const [format, provider] of Object.entries(providers))
  for (const [name, make] of Object.entries(allClients).filter(([n]) => spoken.includes(formats[n])))
    describe(`${name} to ${format}`, { skip: noBinary }, () => {
      let up;
      let server;
      let client;
      before(async () => {
        up = await startFake({ forbidden: [clientKey] });
        server = await startServer({ 'api-keys': [clientKey], providers: [{ ...provider(up), models: named(up.fake.models[format]) }] });
        client = make(server.baseURL);
      });
      after(async () => {
        await server?.stop('SIGKILL');
        await up?.close();
      });
      cases(() => ({ client, up }), { format });
    });
