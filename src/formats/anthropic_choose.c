/* anthropic_choose.c: what of a request goes out, and how: decided before the first byte of the
 * body is written (formats.md 3.2). */
#include "formats/anthropic.h"

#define DEFAULT_MAX_TOKENS 32000
#define MAX_CACHE_MARKS 4
#define MIN_BUDGET 1024

static bool family_is_unknown(const struct model_family *family) {
	return family->vendor[0] == '\0';
}

static void add_system_line(struct anthropic_build *b, struct slice text) {
	chat_parts_push(b->arena, &b->system, CHAT_PART_TEXT)->text = text;
}

/* ---- REJECT: what would change the meaning ---- */

bool anthropic_check_request(struct anthropic_build *b) {
	const struct chat_request *r = b->request;
	if (r->has_n && r->n > 1) {
		return error_set_param(b->error, ERROR_INVALID_REQUEST, "n",
			"n = %lld: this upstream gives one answer a request (E-40)",
			(long long)r->n);
	}
	if (r->tool_choice.mode == CHAT_TOOL_CHOICE_NAMED && r->tools.len > 0 &&
		!chat_request_find_tool(r, r->tool_choice.name)) {
		return error_set_param(b->error, ERROR_INVALID_REQUEST, "tool_choice",
			"tool_choice names the tool '%.*s', which is not among the tools",
			SLICE_FMT(r->tool_choice.name));
	}
	return true;
}

/* ---- AN-1, AN-17, AN-18, RE-1..RE-4: thinking and the room for it ---- */

static int64_t clamp_max_tokens(struct anthropic_build *b, int64_t wanted) {
	int64_t most = b->target->family->max_output_tokens;
	if (most > 0 && wanted > most) {
		chat_alter(b->losses, "AN-1", "max_tokens", "lowered to the model's maximum");
		return most;
	}
	return wanted;
}

static void choose_max_tokens(struct anthropic_build *b) {
	int64_t cap =
		b->target->default_max_tokens ? b->target->default_max_tokens : DEFAULT_MAX_TOKENS;
	int64_t most = b->target->family->max_output_tokens;
	if (b->request->has_max_output_tokens) {
		b->max_tokens = clamp_max_tokens(b, b->request->max_output_tokens);
	} else {
		b->max_tokens = most > 0 && most < cap ? most : cap;
	}
}

static void thinking_off(struct anthropic_build *b, const char *rule, const char *why) {
	chat_drop(b->losses, rule, "thinking", why);
	b->reasoning.mode = CHAT_REASONING_OFF;
	b->reasoning.has_budget = false;
	b->has_effort = false;
}

/* What was asked, as on (budget), adaptive, off or unset. */
static void read_wish(struct anthropic_build *b) {
	struct chat_reasoning *r = &b->reasoning;
	*r = b->request->reasoning;
	if (r->mode == CHAT_REASONING_UNSET && r->effort.data) {
		int64_t budget;
		if (!model_effort_to_budget(r->effort, &budget)) {
			chat_drop(b->losses, "4.5", "reasoning.effort", "unknown effort");
		} else if (budget == 0) {
			r->mode = CHAT_REASONING_OFF;
		} else if (budget < 0) {
			r->mode = CHAT_REASONING_ADAPTIVE;
			r->effort = (struct slice){0};
		} else {
			r->mode = CHAT_REASONING_ON;
		}
	}
	if (r->mode == CHAT_REASONING_ON && r->has_budget && r->budget_tokens <= 0) {
		r->mode = r->budget_tokens == 0 ? CHAT_REASONING_OFF : CHAT_REASONING_ADAPTIVE;
		r->has_budget = false;
	}
}

static void use_adaptive(struct anthropic_build *b) {
	struct chat_reasoning *r = &b->reasoning;
	struct slice effort = r->effort;
	if (!effort.data && r->mode == CHAT_REASONING_ON && r->has_budget) {
		effort = slice_of(model_budget_to_effort(r->budget_tokens));
		chat_alter(b->losses, "AN-17", "thinking.budget_tokens", "sent as an effort");
	}
	r->mode = CHAT_REASONING_ADAPTIVE;
	r->has_budget = false;
	b->effort = effort.data ? model_clamp_effort(b->target->family, effort) : NULL;
	b->has_effort = b->effort != NULL;
}

static void use_budget(struct anthropic_build *b) {
	struct chat_reasoning *r = &b->reasoning;
	if (!r->has_budget) {
		/* RE-2: adaptive without effort is high. */
		struct slice effort = r->effort.data ? r->effort : SLICE("high");
		if (!model_effort_to_budget(effort, &r->budget_tokens) || r->budget_tokens < 0) {
			model_effort_to_budget(SLICE("high"), &r->budget_tokens);
		}
	}
	r->mode = CHAT_REASONING_ON;
	r->has_budget = true;
	if (r->budget_tokens < MIN_BUDGET) {
		r->budget_tokens = MIN_BUDGET;
	}
	if (model_has(b->target->family, MODEL_HAS_EFFORT) && r->effort.data) {
		b->effort = model_clamp_effort(b->target->family, r->effort);
		b->has_effort = b->effort != NULL;
	}
	/* RE-4: a client that counts reasoning in its maximum still gets its visible tokens. */
	if (!b->is_own_reasoning && b->max_tokens < r->budget_tokens + MIN_BUDGET &&
		b->request->has_max_output_tokens) {
		chat_alter(b->losses, "RE-4", "max_tokens", "raised by the thinking budget");
		b->max_tokens = clamp_max_tokens(b, r->budget_tokens + b->max_tokens);
	}
	if (b->max_tokens <= MIN_BUDGET) {
		thinking_off(b, "AN-18", "max_tokens leaves no room for thinking");
	} else if (r->budget_tokens >= b->max_tokens) {
		chat_alter(
			b->losses, "AN-18", "thinking.budget_tokens", "lowered below max_tokens");
		r->budget_tokens = b->max_tokens - 1;
	}
}

static void choose_thinking(struct anthropic_build *b) {
	const struct model_family *family = b->target->family;
	struct chat_reasoning *r = &b->reasoning;
	read_wish(b);
	if (r->mode == CHAT_REASONING_ON || r->mode == CHAT_REASONING_ADAPTIVE) {
		if (anthropic_lacks_loop_thinking(b)) {
			thinking_off(b, "AN-20", "the tool loop's thinking block is not at hand");
		} else if (!model_has(family, MODEL_HAS_THINKING) && !family_is_unknown(family)) {
			chat_drop(b->losses, "RE-3", "reasoning", "the model does not think");
			r->mode = CHAT_REASONING_UNSET;
		} else if (model_has(family, MODEL_HAS_ADAPTIVE) &&
			   !(b->is_same_format && r->has_budget &&
				   !model_has(family, MODEL_REFUSES_BUDGET))) {
			use_adaptive(b);
		} else {
			use_budget(b);
		}
	}
	if (r->mode == CHAT_REASONING_BETWEEN_TOOLS &&
		!model_has(family, MODEL_HAS_BETWEEN_TOOLS) && !b->is_own_reasoning) {
		r->mode = CHAT_REASONING_UNSET;
	}
	if (r->mode == CHAT_REASONING_OFF && model_has(family, MODEL_REFUSES_DISABLED)) {
		chat_alter(b->losses, "AN-17", "thinking",
			"the model refuses to go without; least effort");
		r->mode = model_has(family, MODEL_HAS_BETWEEN_TOOLS) ? CHAT_REASONING_BETWEEN_TOOLS
								     : CHAT_REASONING_UNSET;
		b->effort = "low";
		b->has_effort = true;
	} else if (r->mode == CHAT_REASONING_OFF && !b->is_own_reasoning &&
		   !model_has(family, MODEL_HAS_ADAPTIVE)) {
		r->mode = CHAT_REASONING_UNSET; /* off is the default there */
	}
}

bool anthropic_is_thinking(const struct anthropic_build *b) {
	return b->reasoning.mode == CHAT_REASONING_ON ||
	       b->reasoning.mode == CHAT_REASONING_ADAPTIVE;
}

/* ---- AN-24: structured output where the model has none ---- */

static void choose_output(struct anthropic_build *b) {
	const struct chat_response_format *format = &b->request->response_format;
	if (!format->is_set || format->kind == CHAT_RESPONSE_TEXT || b->is_same_format) {
		return;
	}
	if (format->kind == CHAT_RESPONSE_JSON_OBJECT) {
		chat_alter(b->losses, "AN-24", "response_format", "asked for in a system line");
		add_system_line(b, SLICE("Answer with one JSON object only."));
		return;
	}
	if (model_has(b->target->family, MODEL_HAS_STRUCTURED_OUTPUT)) {
		return;
	}
	if (anthropic_is_thinking(b) || b->request->tools.len > 0) {
		chat_alter(b->losses, "AN-24", "response_format", "asked for in a system line");
		add_system_line(b, arena_printf(b->arena,
					   "Answer with one JSON object only, which obeys this "
					   "JSON Schema: %.*s",
					   SLICE_FMT(format->schema)));
		return;
	}
	chat_alter(b->losses, "AN-24", "response_format", "asked for as a forced tool");
	b->schema_as_tool = true;
	b->built->json_tool = true;
}

/* ---- AN-18, AN-22, AN-23: tool choice ---- */

static bool is_forced(const struct chat_tool_choice *choice) {
	return choice->mode == CHAT_TOOL_CHOICE_REQUIRED ||
	       choice->mode == CHAT_TOOL_CHOICE_NAMED ||
	       (choice->mode == CHAT_TOOL_CHOICE_ALLOWED && choice->allowed_required);
}

static void choose_tools(struct anthropic_build *b) {
	b->choice = b->request->tool_choice;
	if (b->schema_as_tool) {
		b->choice = (struct chat_tool_choice){
			.mode = CHAT_TOOL_CHOICE_NAMED, .name = SLICE(ANTHROPIC_JSON_TOOL)};
	}
	if (!is_forced(&b->choice)) {
		return;
	}
	if (model_has(b->target->family, MODEL_REFUSES_FORCED_TOOL)) {
		chat_alter(b->losses, "AN-22", "tool_choice", "asked for in a system line");
		if (b->choice.mode == CHAT_TOOL_CHOICE_NAMED) {
			add_system_line(b, arena_printf(b->arena, "You must call the tool %.*s.",
						   SLICE_FMT(b->choice.name)));
		} else {
			add_system_line(b, SLICE("You must call one of the tools."));
		}
		b->choice = (struct chat_tool_choice){.mode = CHAT_TOOL_CHOICE_AUTO};
	} else if (b->reasoning.mode == CHAT_REASONING_ON) {
		thinking_off(b, "AN-18", "a forced tool excludes thinking");
		if (!model_has(b->target->family, MODEL_HAS_ADAPTIVE)) {
			b->reasoning.mode = CHAT_REASONING_UNSET;
		}
	}
}

/* ---- AN-10: at most four cache marks, the last ones ---- */

static size_t count_marks(const struct chat_parts *parts) {
	size_t count = 0;
	for (size_t i = 0; i < parts->len; i++) {
		count += parts->items[i].cache.is_set;
	}
	return count;
}

static void limit_cache_marks(struct anthropic_build *b) {
	size_t fixed = count_marks(&b->system), in_turns = 0;
	for (size_t i = 0; i < b->request->tools.len; i++) {
		fixed += b->request->tools.items[i].cache.is_set;
	}
	for (size_t t = 0; t < b->turns.len; t++) {
		in_turns += count_marks(&b->turns.items[t].parts);
	}
	size_t room = fixed < MAX_CACHE_MARKS ? MAX_CACHE_MARKS - fixed : 0;
	for (size_t t = 0; t < b->turns.len && in_turns > room; t++) {
		struct chat_parts *parts = &b->turns.items[t].parts;
		for (size_t i = 0; i < parts->len && in_turns > room; i++) {
			if (parts->items[i].cache.is_set) {
				parts->items[i].cache.is_set = false;
				in_turns--;
				chat_drop(b->losses, "AN-10", "cache_control",
					"more than four marks");
			}
		}
	}
}

void anthropic_choose(struct anthropic_build *b) {
	choose_max_tokens(b);
	choose_thinking(b);
	choose_output(b);
	choose_tools(b);
	limit_cache_marks(b);
}
