/* ollama_build.h: what the halves of the request builder share. */
#ifndef LLMMUX_FORMATS_OLLAMA_BUILD_H
#define LLMMUX_FORMATS_OLLAMA_BUILD_H

#include "formats/ollama_internal.h"

struct ollama_builder {
	const struct chat_request *request;
	const struct format_target *target;
	struct chat_losses *losses;
	struct error *error;
	struct arena *arena;
	struct json_writer w;
	struct index calls_by_id; /* of the messages written so far, into call_names */
	struct {
		struct slice *items;
		size_t len, cap;
	} call_names;
	bool has_failed; /* REJECT; error is set */
};

/* "messages" of /api/chat. */
void ollama_build_messages(struct ollama_builder *b);
/* "prompt", "system", "suffix" and "images" of /api/generate. */
void ollama_build_prompt(struct ollama_builder *b);
/* Records a REJECT; the first one counts. */
void ollama_reject(struct ollama_builder *b, const char *param, const char *message);
/* Nothing when `raw` is absent. */
void ollama_put_raw(struct ollama_builder *b, const char *key, struct slice raw);

#endif
