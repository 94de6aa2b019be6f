/* demo_script.c: what the demo answers: deterministic, and plainly no model's words. */
#include "mux/demo.h"
#include "tokens/estimate.h"

/* Long texts are sent in this many pieces, not word by word. */
#define DEMO_MAX_PIECES 200

struct writer {
	const struct demo_model *model;
	const struct chat_request *request;
	struct arena *arena;
	struct demo_script *script;
	int64_t tokens; /* said so far */
	bool is_out;    /* the token limit of the request was reached */
};

static struct demo_step *push(struct writer *w, enum demo_step_kind kind) {
	struct demo_step *step = ARENA_PUSH(w->arena, w->script);
	step->kind = kind;
	return step;
}

/* A word with the white space before it; at least `least` bytes. */
static struct slice next_piece(struct slice *text, size_t least) {
	size_t at = 0;
	bool in_word = false;
	for (; at < text->len; at++) {
		bool is_blank = strchr(" \t\r\n", text->data[at]) != NULL && text->data[at] != '\0';
		if (is_blank && in_word && at >= least) {
			break;
		}
		in_word = !is_blank;
	}
	struct slice piece = slice_sub(*text, 0, at);
	*text = slice_from(*text, at);
	return piece;
}

/* Says a text piece by piece, as far as the request's token limit allows. */
static void say(struct writer *w, enum demo_step_kind kind, struct slice text) {
	size_t least = text.len / DEMO_MAX_PIECES;
	int64_t limit =
		w->request->has_max_output_tokens ? w->request->max_output_tokens : INT64_MAX;
	while (text.len > 0 && !w->is_out) {
		struct slice piece = next_piece(&text, least);
		int64_t tokens = tokens_estimate(piece);
		if (w->tokens + tokens > limit) {
			w->is_out = true;
			return;
		}
		w->tokens += tokens;
		struct demo_step *step = push(w, kind);
		step->text = piece;
		step->is_paced = true;
	}
}

/* ---- what was said before ---- */

static const struct chat_message *last_message(const struct chat_request *request) {
	return request->messages.len > 0 ? &request->messages.items[request->messages.len - 1]
					 : NULL;
}

static const struct chat_part *last_result(const struct chat_request *request) {
	const struct chat_message *message = last_message(request);
	for (size_t i = message != NULL ? message->parts.len : 0; i > 0; i--) {
		if (message->parts.items[i - 1].kind == CHAT_PART_TOOL_RESULT) {
			return &message->parts.items[i - 1];
		}
	}
	return NULL;
}

static struct slice last_user_text(const struct chat_request *request, struct arena *arena) {
	for (size_t i = request->messages.len; i > 0; i--) {
		const struct chat_message *message = &request->messages.items[i - 1];
		if (message->role == CHAT_ROLE_USER) {
			struct slice text = chat_parts_text(arena, &message->parts, "\n");
			if (text.len > 0) {
				return text;
			}
		}
	}
	return SLICE("(no text)");
}

/* ---- what is said ---- */

/* The tool to call; NULL when none is to be called. */
static const struct chat_tool *chosen_tool(const struct writer *w) {
	const struct chat_request *request = w->request;
	const struct chat_tool_choice *choice = &request->tool_choice;
	bool is_forced = choice->mode == CHAT_TOOL_CHOICE_REQUIRED ||
			 choice->mode == CHAT_TOOL_CHOICE_NAMED ||
			 (choice->mode == CHAT_TOOL_CHOICE_ALLOWED && choice->allowed_required);
	bool may_call = is_forced || ((w->model->traits & DEMO_CALLS_TOOLS) != 0 &&
					     last_result(request) == NULL);
	if (!may_call || choice->mode == CHAT_TOOL_CHOICE_NONE) {
		return NULL;
	}
	if (choice->mode == CHAT_TOOL_CHOICE_NAMED) {
		return chat_request_find_tool(request, choice->name);
	}
	if (choice->mode == CHAT_TOOL_CHOICE_ALLOWED && choice->allowed_count > 0) {
		return chat_request_find_tool(request, choice->allowed[0]);
	}
	for (size_t i = 0; i < request->tools.len; i++) {
		if (request->tools.items[i].kind != CHAT_TOOL_SERVER) {
			return &request->tools.items[i];
		}
	}
	return NULL;
}

static struct slice sample_of(struct writer *w, struct slice schema) {
	struct buf out;
	buf_init(&out, 0);
	demo_sample(schema, w->arena, &out);
	struct slice sample = arena_dup(w->arena, buf_slice(&out));
	buf_finish(&out);
	return sample;
}

static void call_tool(struct writer *w, const struct chat_tool *tool) {
	struct demo_step *step = push(w, DEMO_TOOL);
	step->name = tool->name;
	step->tool_kind = tool->kind;
	step->text = tool->kind == CHAT_TOOL_CUSTOM ? SLICE("demo") : sample_of(w, tool->schema);
	step->is_paced = true;
	w->tokens += tokens_estimate(step->text) + TOKENS_PER_TOOL;
}

/* {"demo":true,"echo":"..."} */
static struct slice json_echo(struct writer *w) {
	struct buf out;
	struct json_writer json;
	buf_init(&out, 0);
	json_writer_init(&json, &out, false);
	json_begin_object(&json);
	json_put_bool(&json, "demo", true);
	json_put_string(&json, "echo", last_user_text(w->request, w->arena));
	json_end_object(&json);
	struct slice text = arena_dup(w->arena, buf_slice(&out));
	buf_finish(&out);
	return text;
}

static struct slice answer_text(struct writer *w) {
	const struct chat_part *result = last_result(w->request);
	switch (w->request->response_format.kind) {
	case CHAT_RESPONSE_JSON_SCHEMA:
		return sample_of(w, w->request->response_format.schema);
	case CHAT_RESPONSE_JSON_OBJECT:
		return json_echo(w);
	default:
		break;
	}
	if (result != NULL) {
		return arena_printf(w->arena, "[demo] The tool%s%.*s answered: %.*s",
			result->name.len > 0 ? " " : "", SLICE_FMT(result->name),
			SLICE_FMT(chat_parts_text(w->arena, &result->parts, "\n")));
	}
	if ((w->model->traits & DEMO_CALLS_TOOLS) != 0) {
		return SLICE("[demo] No tool was offered, so there is nothing to call.");
	}
	return arena_printf(
		w->arena, "[demo] %.*s", SLICE_FMT(last_user_text(w->request, w->arena)));
}

static struct slice answer_id(const struct writer *w) {
	static const uint64_t seed[2] = {0x6c6c6d2d6d7578, 0x64656d6f};
	uint64_t hash = hash_bytes(seed, last_user_text(w->request, w->arena)) ^
			(uint64_t)w->request->messages.len;
	return arena_printf(w->arena, "demo-%016llx", (unsigned long long)hash);
}

/* The second half of what is said is never said. */
static void break_off(struct writer *w, enum demo_step_kind end) {
	w->script->len = (w->script->len + 1) / 2;
	push(w, end);
}

void demo_write(const struct demo_model *model, const struct chat_request *request,
	struct arena *arena, struct demo_script *script) {
	struct writer w = {.model = model, .request = request, .arena = arena, .script = script};
	const struct chat_tool *tool = chosen_tool(&w);
	*script = (struct demo_script){.id = answer_id(&w)};
	if ((model->traits & DEMO_THINKS) != 0) {
		say(&w, DEMO_THINKING,
			SLICE("[demo] Thinking: the last message will be said once more."));
	}
	int64_t reasoning = w.tokens;
	if (tool != NULL && !w.is_out) {
		call_tool(&w, tool);
	} else {
		say(&w, DEMO_TEXT, answer_text(&w));
	}
	if ((model->traits & DEMO_FAILS_LATE) != 0) {
		break_off(&w, DEMO_ERROR);
	} else if ((model->traits & DEMO_CUT) != 0) {
		break_off(&w, DEMO_END);
	} else {
		push(&w, DEMO_FINISH)->reason = w.is_out       ? CHAT_FINISH_LENGTH
						: tool != NULL ? CHAT_FINISH_TOOL_CALLS
							       : CHAT_FINISH_STOP;
	}
	chat_usage_init(&script->usage);
	script->usage.input_uncached = format_estimate_tokens(request);
	script->usage.output_total = w.tokens;
	script->usage.reasoning = reasoning;
	script->usage.is_estimated = true;
}
