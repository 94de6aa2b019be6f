// Cells where the program does not do yet what the table says. Such a cell must fail: once it passes, its row here is out of date.

/** [client, upstream, case, what is wrong, rule]. */
export const faults = [
  ['gemini', 'openai-chat', 'a tool by name', 'X-LLM-Mux-Dropped tells of a toolConfig that was carried', 'IR-5, 4.3'],
  ['gemini', 'anthropic', 'a tool by name', 'X-LLM-Mux-Dropped tells of a toolConfig that was carried', 'IR-5, 4.3'],
  ['gemini', 'ollama', 'a tool by name', 'X-LLM-Mux-Dropped tells of a toolConfig that was carried', 'IR-5, 4.3'],
  ['gemini', 'gemini', 'image in a tool result', 'a spliced request keeps media in function responses, which models before Gemini 3 refuse', 'GM-6, 7.2'],
  ['gemini', 'openai-responses', 'a tool by name', 'X-LLM-Mux-Dropped tells of a toolConfig that was carried', 'IR-5, 4.3'],
  ['gemini', 'openai-responses', 'thinking, signature and replay', 'thoughts that were asked for are not asked of the upstream', 'OR-8, RE-5'],
  ['openai-responses', 'anthropic', 'image in', 'X-LLM-Mux-Dropped tells of a detail that is the default', 'IR-5, OR-2'],
  ['openai-responses', 'anthropic', 'image in a tool result', 'X-LLM-Mux-Dropped tells of a detail that is the default', 'IR-5, OR-2'],
  ['openai-responses', 'anthropic', 'image by address', 'X-LLM-Mux-Dropped tells of a detail that is the default', 'IR-5, OR-2'],
];

export const faultOf = ({ client, upstream, name }) => faults.find(([c, u, n]) => c === client && u === upstream && n === name) ?? null;
