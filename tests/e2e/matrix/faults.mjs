// Cells where the program does not do yet what the table says. Such a cell must fail: once it passes, its row here is out of date.

/** [client, upstream, case, what is wrong, rule]. */
export const faults = [
  ['openai-chat', 'ollama', 'PDF in', 'the note in place of the file is not told in X-LLM-Mux-Dropped', 'IR-5, 4.9'],
  ['anthropic', 'ollama', 'PDF in', 'the note in place of the file is not told in X-LLM-Mux-Dropped', 'IR-5, 4.9'],
  ['gemini', 'ollama', 'PDF in', 'the note in place of the file is not told in X-LLM-Mux-Dropped', 'IR-5, 4.9'],
  ['gemini', 'openai-chat', 'a tool by name', 'X-LLM-Mux-Dropped tells of a toolConfig that was carried', 'IR-5, 4.3'],
  ['gemini', 'anthropic', 'a tool by name', 'X-LLM-Mux-Dropped tells of a toolConfig that was carried', 'IR-5, 4.3'],
  ['gemini', 'ollama', 'a tool by name', 'X-LLM-Mux-Dropped tells of a toolConfig that was carried', 'IR-5, 4.3'],
  ['gemini', 'gemini', 'image in a tool result', 'a spliced request keeps media in function responses, which models before Gemini 3 refuse', 'GM-6, 7.2'],
];

export const faultOf = ({ client, upstream, name }) => faults.find(([c, u, n]) => c === client && u === upstream && n === name) ?? null;
