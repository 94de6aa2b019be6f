// Cells where the program does not do yet what the table says. Such a cell must fail: once it passes, its row here is out of date.

/** [client, upstream, case, what is wrong, rule]. */
export const faults = [
  ['openai-chat', 'openai-chat', 'image in a tool result', 'a spliced request keeps images in tool messages, which OpenAI refuses', 'OC-5, 7.2'],
  ['anthropic', 'openai-chat', 'thinking, signature and replay', 'DeepSeek does not get its reasoning_content back within a tool loop', 'OC-3, E-73'],
];

export const faultOf = ({ client, upstream, name }) => faults.find(([c, u, n]) => c === client && u === upstream && n === name) ?? null;
