/* demo.h: the built-in demo backend: demo.c plays what demo_script.c writes, with values from
 * demo_sample.c and vectors from demo_embed.c. */
#ifndef LLMMUX_MUX_DEMO_H
#define LLMMUX_MUX_DEMO_H

#include "mux/mux_internal.h"

/* What a demo model does. */
enum demo_trait {
	DEMO_THINKS = 1 << 0,
	DEMO_CALLS_TOOLS = 1 << 1, /* without being forced to */
	DEMO_FAILS_LATE = 1 << 2,  /* with an error after half of the text */
	DEMO_CUT = 1 << 3,         /* ends after half of the text, without a finish */
	DEMO_EMBEDS = 1 << 4       /* makes vectors, and nothing else */
};

struct demo_model {
	const char *id; /* "demo/echo" */
	const char *display_name;
	unsigned traits;
	unsigned pace_ms;       /* between two words */
	enum error_kind error;  /* at once, instead of an answer */
	int64_t retry_after_ms; /* with it; -1 = none said */
	const char *error_code; /* with it; NULL = none */
};
/* Ends with a row whose id is NULL. */
extern const struct demo_model demo_models[];

enum demo_step_kind {
	DEMO_THINKING,
	DEMO_TEXT,
	DEMO_TOOL, /* the whole call: name and args */
	DEMO_FINISH,
	DEMO_ERROR,
	DEMO_END
};
struct demo_step {
	enum demo_step_kind kind;
	struct slice text; /* thinking, text; arguments of a tool */
	struct slice name; /* of a tool */
	enum chat_tool_kind tool_kind;
	enum chat_finish_reason reason;
	bool is_paced; /* the pace of the model lies before it */
};
struct demo_script {
	struct slice id; /* of the answer: the same for the same request */
	struct demo_step *items;
	size_t len, cap;
	struct chat_usage usage;
};
/* The whole answer of a model to a request, in the arena. The same request gets the same. */
void demo_write(const struct demo_model *model, const struct chat_request *request,
	struct arena *arena, struct demo_script *script);

/* A value that fits a JSON schema (its required properties, its first choices), appended to `out`.
 * An absent or broken schema gives {}. */
void demo_sample(struct slice schema, struct arena *arena, struct buf *out);

/* The vectors of demo/embed; NULL with an error when they are too many. */
const struct embed_response *demo_embed(const struct embed_request *request, struct slice model,
	struct arena *arena, struct error *error);

#endif
