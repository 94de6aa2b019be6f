// What the faces of all clients share.

/** The messages of a question. */
export const messagesOf = (q) => q.messages ?? [{ user: q.text, image: q.image }];

/** Arguments as the object that some APIs want them to be. */
export const objectOf = (args) => JSON.parse(args || '{}');

/** The events of a stream as a list; each(event, count, stream) sees them one by one. */
export async function collect(stream, each) {
  const events = [];
  for await (const event of stream) {
    events.push(structuredClone(event));
    await each?.(event, events.length, stream);
  }
  return events;
}

/** What an SDK's error tells, for those that keep status, headers and message apart. */
export const failureOf = (e) => ({ status: e.status, message: e.message, retryAfter: e.headers?.get?.('retry-after') });

/** How Gemini is told to think and to show it: by a level from its third generation on (`low` is the SDK's word), by a budget before. */
export const thinkingOf = (model, low) => ({ includeThoughts: true, ...(/^gemini-3/.test(model) ? { thinkingLevel: low } : { thinkingBudget: 2000 }) });
