/* registry.c: the table of dialects. Adding a dialect is adding a file and a row here. */
#include "formats/formats_internal.h"

static const struct format *const formats[FORMAT_COUNT] = {
	[FORMAT_OPENAI_CHAT] = &format_openai_chat,
	[FORMAT_OPENAI_RESPONSES] = &format_openai_responses,
	[FORMAT_ANTHROPIC] = &format_anthropic,
	[FORMAT_GEMINI] = &format_gemini,
	[FORMAT_OPENAI_COMPLETIONS] = &format_openai_completions,
	[FORMAT_OLLAMA] = &format_ollama,
};

const struct format *format_get(enum format_id id) {
	return (unsigned)id < FORMAT_COUNT ? formats[id] : NULL;
}

const struct format *format_find(struct slice name) {
	for (size_t i = 0; i < FORMAT_COUNT; i++) {
		if (formats[i] != NULL && slice_is(name, formats[i]->name)) {
			return formats[i];
		}
	}
	return NULL;
}
