/* gemini_choose.c: what of a request goes out, and how: decided before the first byte of the body
 * is written (formats.md 3.3, GM-12..GM-17, 4.5). */
#include "formats/gemini.h"

#define MAX_CANDIDATES 8

static void add_system_line(struct gemini_build *b, struct slice text) {
	chat_parts_push(b->arena, &b->system, CHAT_PART_TEXT)->text = text;
}

/* ---- REJECT: what would change the meaning ---- */

bool gemini_check_request(struct gemini_build *b) {
	const struct chat_request *r = b->request;
	if (r->has_n && r->n > MAX_CANDIDATES) {
		return error_set_param(b->error, ERROR_INVALID_REQUEST, "n",
			"n = %lld: this upstream gives at most %d answers a request (GM-16)",
			(long long)r->n, MAX_CANDIDATES);
	}
	if (r->tool_choice.mode == CHAT_TOOL_CHOICE_NAMED && r->tools.len > 0 &&
		!chat_request_find_tool(r, r->tool_choice.name)) {
		return error_set_param(b->error, ERROR_INVALID_REQUEST, "tool_choice",
			"tool_choice names the tool '%.*s', which is not among the tools",
			SLICE_FMT(r->tool_choice.name));
	}
	return true;
}

/* ---- GM-14: thinking ---- */

static bool asks_for_thinking(const struct chat_reasoning *r) {
	return r->mode != CHAT_REASONING_UNSET || r->effort.data != NULL || r->has_budget;
}

bool gemini_shows_thoughts(const struct chat_request *request) {
	return request == NULL || request->reasoning.include_text == TRI_TRUE;
}

/* RE-5: whether the client shows what was thought. */
static bool client_shows_thinking(const struct chat_request *request) {
	const struct chat_reasoning *r = &request->reasoning;
	switch (request->client_format) {
	case FORMAT_GEMINI:
		return r->include_text == TRI_TRUE;
	case FORMAT_OPENAI_RESPONSES:
		return r->summary.len > 0 && !slice_is(r->summary, "none");
	case FORMAT_ANTHROPIC:
		return !slice_is(r->display, "omitted");
	default:
		return r->include_text != TRI_FALSE;
	}
}

/* What was asked as a budget: -1 the model decides, 0 none. */
static int64_t wanted_budget(struct gemini_build *b) {
	const struct chat_reasoning *r = &b->request->reasoning;
	int64_t budget = -1;
	if (r->mode == CHAT_REASONING_OFF) {
		return 0;
	}
	if (r->has_budget) {
		return r->budget_tokens;
	}
	if (r->effort.data != NULL && !model_effort_to_budget(r->effort, &budget)) {
		chat_drop(b->losses, "4.5", "reasoning.effort", "unknown effort");
	}
	return budget;
}

/* Gemini 3 knows levels; the least of them for a client that wants none (4.5). */
static void choose_level(struct gemini_build *b, int64_t budget) {
	static const struct {
		const char *effort, *level;
	} levels[] = {{"none", "MINIMAL"}, {"minimal", "MINIMAL"}, {"low", "LOW"},
		{"medium", "MEDIUM"}, {"high", "HIGH"}, {"xhigh", "HIGH"}};
	const struct model_family *family = b->target->family;
	if (budget < 0) {
		return;
	}
	const char *effort = model_budget_to_effort(budget);
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
		if (strcmp(effort, levels[i].effort) == 0) {
			b->thinking.level = levels[i].level;
		}
	}
	if (strcmp(b->thinking.level, "MINIMAL") == 0 &&
		!model_has(family, MODEL_HAS_MINIMAL_EFFORT)) {
		b->thinking.level = "LOW";
	}
	if (strcmp(b->thinking.level, "MEDIUM") == 0 && model_has(family, MODEL_REFUSES_MEDIUM)) {
		b->thinking.level = "HIGH";
	}
	if (budget == 0) {
		chat_alter(b->losses, "GM-14", "reasoning",
			"the model refuses to go without; its least level");
	} else if (b->request->reasoning.has_budget) {
		chat_alter(b->losses, "GM-14", "reasoning.budget", "sent as a level");
	}
}

static void choose_budget(struct gemini_build *b, int64_t budget) {
	const struct model_family *family = b->target->family;
	int64_t least = family->min_budget_tokens, most = family->max_budget_tokens;
	int64_t asked = budget;
	if (budget == 0 && model_has(family, MODEL_REFUSES_DISABLED)) {
		budget = least;
	} else if (budget > 0 && most > 0) {
		budget = budget < least ? least : budget > most ? most : budget;
	}
	if (budget != asked) {
		chat_alter(b->losses, "GM-14", "reasoning.budget", "clamped to the model's range");
	}
	b->thinking.has_budget = true;
	b->thinking.budget_tokens = budget;
}

static void choose_thinking(struct gemini_build *b) {
	const struct model_family *family = b->target->family;
	const struct chat_reasoning *r = &b->request->reasoning;
	if (!asks_for_thinking(r)) {
		return;
	}
	int64_t budget = wanted_budget(b);
	if (!model_has(family, MODEL_HAS_THINKING) && family->vendor[0] != '\0') {
		if (budget != 0) {
			chat_drop(b->losses, "GM-14", "reasoning", "the model does not think");
		}
		return;
	}
	b->thinking.is_set = true;
	b->thinking.shows_thoughts = budget != 0 && client_shows_thinking(b->request);
	if (model_has(family, MODEL_IS_GEMINI_3)) {
		choose_level(b, budget);
	} else {
		choose_budget(b, budget);
	}
}

/* ---- GM-12, GM-13: tools ---- */

static size_t count_tools(const struct chat_request *r, bool is_server) {
	size_t count = 0;
	for (size_t i = 0; i < r->tools.len; i++) {
		bool is_known = r->tools.items[i].provider == FORMAT_GEMINI ||
				r->tools.items[i].builtin != CHAT_BUILTIN_NONE;
		bool is_server_tool = r->tools.items[i].kind == CHAT_TOOL_SERVER;
		count += is_server ? is_server_tool && is_known : !is_server_tool;
	}
	return count + (is_server && r->web_search.data != NULL ? 1 : 0);
}

bool gemini_has_functions(const struct gemini_build *b) {
	return !b->drops_functions && count_tools(b->request, false) > 0;
}

static void choose_tools(struct gemini_build *b) {
	const struct model_family *family = b->target->family;
	size_t functions = count_tools(b->request, false);
	size_t builtins = count_tools(b->request, true);
	b->choice = b->request->tool_choice;
	if (model_has(family, MODEL_REFUSES_TOOLS) && functions + builtins > 0) {
		chat_drop(b->losses, "GM-12", "tools", "the model calls no functions");
		b->drops_functions = b->drops_builtins = true;
	} else if (functions > 0 && builtins > 0 && !b->is_same_format &&
		   !model_has(family, MODEL_IS_GEMINI_3)) {
		chat_drop(b->losses, "GM-12", "tools",
			"built-in tools cannot stand beside functions");
		b->drops_builtins = true;
	}
	if (b->request->parallel_tool_calls == TRI_FALSE) {
		chat_drop(b->losses, "GM-20", "parallel_tool_calls", "no such switch here");
	}
}

/* ---- GM-17: structured output beside functions, or by models without it ---- */

static void choose_output(struct gemini_build *b) {
	const struct chat_response_format *format = &b->request->response_format;
	const struct model_family *family = b->target->family;
	bool refuses = model_has(family, MODEL_REFUSES_TOOLS) ||
		       (gemini_has_functions(b) && !model_has(family, MODEL_IS_GEMINI_3) &&
			       family->vendor[0] != '\0');
	if (!format->is_set || format->kind == CHAT_RESPONSE_TEXT || !refuses) {
		return;
	}
	b->schema_as_text = true;
	chat_alter(b->losses, "GM-17", "response_format", "asked for in a system line");
	if (format->kind == CHAT_RESPONSE_JSON_SCHEMA && format->schema.data != NULL) {
		add_system_line(b, arena_printf(b->arena,
					   "Answer with one JSON value only, which obeys this "
					   "JSON Schema: %.*s",
					   SLICE_FMT(format->schema)));
	} else {
		add_system_line(b, SLICE("Answer with one JSON object only."));
	}
}

void gemini_choose(struct gemini_build *b) {
	choose_thinking(b);
	choose_tools(b);
	choose_output(b);
}
