/* openai_responses_build.h: what the parts of the request builder share. */
#ifndef LLMMUX_FORMATS_OPENAI_RESPONSES_BUILD_H
#define LLMMUX_FORMATS_OPENAI_RESPONSES_BUILD_H

#include "formats/names.h"
#include "formats/openai_responses.h"

struct openai_responses_builder {
	const struct chat_request *request;
	const struct format_target *target;
	struct format_built *built;
	struct chat_losses *losses;
	struct error *error;
	struct arena *arena;
	struct json_writer w;
	bool is_own;       /* the client speaks this dialect too: its names and ids stay */
	bool is_stateless; /* the upstream keeps nothing of it (OR-9) */
	bool is_reasoning; /* OR-11 */
	bool has_failed;   /* REJECT; error is set */
	/* ids that are too long, or used twice (OR-4, E-51) */
	struct format_name_map ids;
	struct index id_uses;
	struct {
		struct openai_responses_call *items;
		size_t len, cap;
	} calls;
};

/* "instructions" and "input". */
void openai_responses_build_input(struct openai_responses_builder *b);
/* "tools", "tool_choice" and "parallel_tool_calls". */
void openai_responses_build_tools(struct openai_responses_builder *b);
/* The upstream's name of a tool (NM-1). */
struct slice openai_responses_tool_name(struct openai_responses_builder *b, struct slice name);
/* Records a REJECT; the first one counts. */
void openai_responses_reject(
	struct openai_responses_builder *b, const char *param, const char *message);

/* What the ChatGPT flavour takes of a body, written to `out` (OR-20..OR-22). `tree` is the body of
 * a client of this dialect, or one that was built. */
bool openai_responses_codex_body(const struct json *tree, const struct format_target *target,
	struct arena *arena, struct buf *out, struct error *error);

#endif
