/* openai_chat_build.h: what the halves of the request builder share. */
#ifndef LLMMUX_FORMATS_OPENAI_CHAT_BUILD_H
#define LLMMUX_FORMATS_OPENAI_CHAT_BUILD_H

#include "formats/names.h"
#include "formats/openai_chat_internal.h"

struct openai_chat_builder {
	const struct chat_request *request;
	const struct format_target *target;
	struct format_built *built;
	struct chat_losses *losses;
	struct error *error;
	struct arena *arena;
	struct json_writer w;
	struct format_name_map ids; /* OC-4: call ids of more than 64 characters */
	bool is_own;                /* the client speaks cc too */
	bool is_official;
	bool is_reasoning; /* OC-8 */
	bool has_failed;   /* REJECT; error is set */
	size_t last_user;  /* number of the last message of the user */
};

/* The "messages" array. */
void openai_chat_build_messages(struct openai_chat_builder *b);
/* The upstream's name of a tool (NM-1). */
struct slice openai_chat_tool_name(struct openai_chat_builder *b, struct slice name);
/* True when a custom tool has to go out as a function (OC-4, E-110). */
static inline bool openai_chat_wraps_custom(const struct openai_chat_builder *b) {
	return !b->is_official && !b->is_own;
}
/* Records a REJECT; the first one counts. */
void openai_chat_reject(struct openai_chat_builder *b, const char *param, const char *message);

#endif
