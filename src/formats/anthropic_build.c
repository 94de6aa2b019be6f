/* anthropic_build.c: the canonical request into a Messages request (formats.md 3.2). */
#include "formats/anthropic.h"

#define DEFAULT_MAX_TOKENS 32000
#define MAX_CACHE_MARKS 4
#define MIN_BUDGET 1024
#define JSON_TOOL_NAME "json"

static bool family_is_unknown(const struct model_family *family) {
	return family->vendor[0] == '\0';
}

static void add_system_line(struct anthropic_build *b, struct slice text) {
	chat_parts_push(b->arena, &b->system, CHAT_PART_TEXT)->text = text;
}

/* ---- REJECT: what would change the meaning ---- */

static bool check_request(struct anthropic_build *b) {
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
	chat_alter(b->losses, rule, "thinking", why);
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
	if (!b->is_same_format && b->max_tokens < r->budget_tokens + MIN_BUDGET &&
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
		!model_has(family, MODEL_HAS_BETWEEN_TOOLS) && !b->is_same_format) {
		r->mode = CHAT_REASONING_UNSET;
	}
	if (r->mode == CHAT_REASONING_OFF && model_has(family, MODEL_REFUSES_DISABLED)) {
		chat_alter(b->losses, "AN-17", "thinking",
			"the model refuses to go without; least effort");
		r->mode = model_has(family, MODEL_HAS_BETWEEN_TOOLS) ? CHAT_REASONING_BETWEEN_TOOLS
								     : CHAT_REASONING_UNSET;
		b->effort = "low";
		b->has_effort = true;
	} else if (r->mode == CHAT_REASONING_OFF && !b->is_same_format &&
		   !model_has(family, MODEL_HAS_ADAPTIVE)) {
		r->mode = CHAT_REASONING_UNSET; /* off is the default there */
	}
}

static bool is_thinking(const struct anthropic_build *b) {
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
	if (is_thinking(b) || b->request->tools.len > 0) {
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
			.mode = CHAT_TOOL_CHOICE_NAMED, .name = SLICE(JSON_TOOL_NAME)};
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

/* ---- writing: system, messages ---- */

static void put_system(struct anthropic_build *b, struct json_writer *w) {
	size_t count = 0;
	const struct chat_part *last = NULL;
	for (size_t i = 0; i < b->system.len; i++) {
		if (b->system.items[i].text.len > 0) {
			last = &b->system.items[i];
			count++;
		}
	}
	if (count == 0) {
		return;
	}
	json_write_key(w, "system");
	if (count == 1 && !last->cache.is_set &&
		(!b->is_same_format || b->request->system_is_string)) {
		json_write_string(w, last->text);
		return;
	}
	json_begin_array(w);
	for (size_t i = 0; i < b->system.len; i++) {
		if (b->system.items[i].text.len > 0) {
			anthropic_put_text(w, b->system.items[i].text, &b->system.items[i]);
		}
	}
	json_end_array(w);
}

static bool put_messages(struct anthropic_build *b, struct json_writer *w) {
	static const char *const roles[] = {"user", "assistant", "system"};
	json_write_key(w, "messages");
	json_begin_array(w);
	for (size_t t = 0; t < b->turns.len; t++) {
		const struct anthropic_turn *turn = &b->turns.items[t];
		const struct chat_part *first = &turn->parts.items[0];
		json_begin_object(w);
		json_put_cstr(w, "role", roles[turn->role]);
		json_write_key(w, "content");
		if (turn->parts.len == 1 && first->kind == CHAT_PART_TEXT && !first->cache.is_set &&
			!first->citations.data && first->ext.len == 0) {
			json_write_string(w, first->text);
		} else {
			json_begin_array(w);
			for (size_t i = 0; i < turn->parts.len; i++) {
				if (!anthropic_put_part(b, w, &turn->parts.items[i])) {
					return false;
				}
			}
			json_end_array(w);
		}
		json_end_object(w);
	}
	json_end_array(w);
	return true;
}

/* ---- writing: tools ---- */

static bool is_allowed(const struct anthropic_build *b, struct slice name) {
	if (b->choice.mode != CHAT_TOOL_CHOICE_ALLOWED) {
		return true;
	}
	for (size_t i = 0; i < b->choice.allowed_count; i++) {
		if (slice_eq(b->choice.allowed[i], name)) {
			return true;
		}
	}
	return false;
}

static void put_function(
	struct anthropic_build *b, struct json_writer *w, const struct chat_tool *tool) {
	bool structured = model_has(b->target->family, MODEL_HAS_STRUCTURED_OUTPUT);
	json_begin_object(w);
	json_put_string(w, "name",
		names_to_upstream(
			&b->built->names, b->arena, &anthropic_tool_name_rule, tool->name));
	if (tool->description.len > 0) {
		json_put_string(w, "description", tool->description);
	}
	struct slice schema;
	if (tool->kind == CHAT_TOOL_CUSTOM) {
		/* E-110: free text as the one property. */
		schema = SLICE(
			"{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},"
			"\"required\":[\"input\"]}");
		chat_alter(b->losses, "E-110", "tools.custom", "sent as a function of one text");
	} else {
		schema = anthropic_tool_schema(b, tool->schema);
	}
	bool strict = tool->strict == TRI_TRUE && (structured || b->is_same_format);
	if (strict && !b->is_same_format) {
		schema = anthropic_output_schema(b, schema);
	} else if (tool->strict == TRI_TRUE && !strict) {
		chat_drop(b->losses, "AN-9", "tools.strict", "the model has no strict tools");
	}
	json_put_raw(w, "input_schema", schema);
	if (strict) {
		json_put_bool(w, "strict", true);
	}
	anthropic_put_cache(w, &tool->cache);
	anthropic_put_exts(w, &tool->ext);
	json_end_object(w);
}

/* IR-14: web search is the server tool that both sides know. */
static void put_web_search(struct anthropic_build *b, struct json_writer *w) {
	json_begin_object(w);
	json_put_cstr(w, "type", "web_search_20250305");
	json_put_cstr(w, "name", "web_search");
	json_end_object(w);
	chat_alter(b->losses, "IR-14", "web_search", "sent as the web_search tool");
}

static bool put_server_tool(
	struct anthropic_build *b, struct json_writer *w, const struct chat_tool *tool) {
	if (tool->provider == FORMAT_ANTHROPIC) {
		json_write_raw(w, tool->raw);
		return true;
	}
	if (slice_starts_with(tool->server_type, SLICE("web_search"))) {
		put_web_search(b, w);
		return true;
	}
	chat_drop(b->losses, "IR-14", "tools", "a server tool of another provider");
	return false;
}

/* AN-23: history with calls needs tools: those seen, with empty schemas. */
static void put_seen_tools(struct anthropic_build *b, struct json_writer *w) {
	struct format_name_map seen = {0};
	for (size_t t = 0; t < b->turns.len; t++) {
		for (size_t i = 0; i < b->turns.items[t].parts.len; i++) {
			const struct chat_part *part = &b->turns.items[t].parts.items[i];
			size_t before = seen.len;
			if (part->kind != CHAT_PART_TOOL_CALL) {
				continue;
			}
			names_to_upstream(&seen, b->arena, &anthropic_tool_name_rule, part->name);
			if (seen.len > before) {
				put_function(b, w, &(struct chat_tool){.name = part->name});
			}
		}
	}
	if (seen.len > 0) {
		chat_alter(b->losses, "AN-23", "tools", "the tools of the history were declared");
	}
}

static bool has_history_calls(const struct anthropic_build *b) {
	for (size_t t = 0; t < b->turns.len; t++) {
		for (size_t i = 0; i < b->turns.items[t].parts.len; i++) {
			if (b->turns.items[t].parts.items[i].kind == CHAT_PART_TOOL_CALL) {
				return true;
			}
		}
	}
	return false;
}

static bool is_web_search(const struct chat_tool *tool) {
	return tool->kind == CHAT_TOOL_SERVER &&
	       slice_starts_with(tool->server_type, SLICE("web_search"));
}

/* cc's web_search_options, unless a tool says the same. */
static bool wants_web_search(const struct anthropic_build *b) {
	bool is_listed = false;
	for (size_t i = 0; i < b->request->tools.len; i++) {
		is_listed |= is_web_search(&b->request->tools.items[i]);
	}
	return b->request->web_search.data && !is_listed;
}

static size_t put_request_tools(struct anthropic_build *b, struct json_writer *w) {
	size_t count = 0;
	for (size_t i = 0; i < b->request->tools.len; i++) {
		const struct chat_tool *tool = &b->request->tools.items[i];
		if (tool->kind == CHAT_TOOL_SERVER) {
			count += put_server_tool(b, w, tool);
		} else if (is_allowed(b, tool->name)) {
			put_function(b, w, tool);
			count++;
		}
	}
	return count;
}

/* Returns how many tools were written. */
static size_t put_tools(struct anthropic_build *b, struct json_writer *w) {
	const struct chat_request *r = b->request;
	bool has_search = wants_web_search(b);
	bool has_own = r->tools.len > 0 || b->schema_as_tool || has_search;
	bool has_seen = !has_own && !b->is_same_format && has_history_calls(b);
	if (!has_own && !has_seen) {
		return 0;
	}
	json_write_key(w, "tools");
	json_begin_array(w);
	size_t count = put_request_tools(b, w);
	if (has_search) {
		put_web_search(b, w);
		count++;
	}
	if (b->schema_as_tool) {
		put_function(b, w,
			&(struct chat_tool){.name = SLICE(JSON_TOOL_NAME),
				.description = SLICE("Give the answer by calling this tool."),
				.schema = r->response_format.schema});
		count++;
	}
	if (has_seen) {
		put_seen_tools(b, w);
		count++;
	}
	json_end_array(w);
	return count;
}

static void put_tool_choice(struct anthropic_build *b, struct json_writer *w) {
	static const char *const types[] = {
		[CHAT_TOOL_CHOICE_UNSET] = "auto",
		[CHAT_TOOL_CHOICE_AUTO] = "auto",
		[CHAT_TOOL_CHOICE_NONE] = "none",
		[CHAT_TOOL_CHOICE_REQUIRED] = "any",
		[CHAT_TOOL_CHOICE_NAMED] = "tool",
		[CHAT_TOOL_CHOICE_ALLOWED] = "auto",
	};
	enum tristate parallel = b->request->parallel_tool_calls;
	if (b->choice.mode == CHAT_TOOL_CHOICE_UNSET && parallel != TRI_FALSE) {
		return;
	}
	const char *type = types[b->choice.mode];
	if (b->choice.mode == CHAT_TOOL_CHOICE_ALLOWED && b->choice.allowed_required) {
		type = "any";
	}
	json_write_key(w, "tool_choice");
	json_begin_object(w);
	json_put_cstr(w, "type", type);
	if (b->choice.mode == CHAT_TOOL_CHOICE_NAMED) {
		json_put_string(w, "name",
			names_to_upstream(&b->built->names, b->arena, &anthropic_tool_name_rule,
				b->choice.name));
	}
	if (parallel != TRI_UNSET && b->choice.mode != CHAT_TOOL_CHOICE_NONE) {
		if (parallel == TRI_FALSE || b->is_same_format) {
			json_put_bool(w, "disable_parallel_tool_use", parallel == TRI_FALSE);
		}
	}
	json_end_object(w);
}

/* ---- writing: the rest of the top level ---- */

static bool is_manual_thinking(const struct anthropic_build *b) {
	return b->reasoning.mode == CHAT_REASONING_ON;
}

/* AN-18, AN-19 */
static void put_sampling(struct anthropic_build *b, struct json_writer *w) {
	const struct chat_request *r = b->request;
	const struct model_family *family = b->target->family;
	struct chat_number temperature = r->temperature, top_p = r->top_p, top_k = r->top_k;
	if (model_has(family, MODEL_REFUSES_SAMPLING)) {
		if (temperature.raw.data || top_p.raw.data || top_k.raw.data) {
			chat_drop(b->losses, "AN-19", "temperature, top_p, top_k",
				"the model refuses sampling");
		}
		return;
	}
	if (is_thinking(b)) {
		if (temperature.raw.data && temperature.value != 1) {
			chat_drop(b->losses, "AN-18", "temperature", "thinking needs the default");
			temperature.raw = (struct slice){0};
		}
		if (top_k.raw.data) {
			chat_drop(b->losses, "AN-18", "top_k", "not with thinking");
			top_k.raw = (struct slice){0};
		}
		if (top_p.raw.data && top_p.value < 0.95) {
			chat_drop(b->losses, "AN-18", "top_p", "thinking needs at least 0.95");
			top_p.raw = (struct slice){0};
		}
	}
	if (temperature.raw.data && (temperature.value > 1 || temperature.value < 0)) {
		chat_alter(b->losses, "AN-19", "temperature", "clamped to 0..1");
		temperature.raw = temperature.value > 1 ? SLICE("1") : SLICE("0");
	}
	if (temperature.raw.data && top_p.raw.data &&
		model_has(family, MODEL_ONE_OF_TEMPERATURE_TOP_P)) {
		chat_drop(b->losses, "AN-19", "top_p", "not together with temperature");
		top_p.raw = (struct slice){0};
	}
	if (temperature.raw.data) {
		json_put_raw(w, "temperature", temperature.raw);
	}
	if (top_p.raw.data) {
		json_put_raw(w, "top_p", top_p.raw);
	}
	if (top_k.raw.data) {
		json_put_raw(w, "top_k", top_k.raw);
	}
}

static void put_stop(struct anthropic_build *b, struct json_writer *w) {
	const struct chat_request *r = b->request;
	size_t kept = 0;
	for (size_t i = 0; i < r->stop_count; i++) {
		kept += slice_trim(r->stop[i]).len > 0;
	}
	if (kept < r->stop_count) {
		chat_drop(b->losses, "AN-27", "stop", "white space is no stop sequence here");
	}
	if (kept == 0) {
		return;
	}
	json_write_key(w, "stop_sequences");
	json_begin_array(w);
	for (size_t i = 0; i < r->stop_count; i++) {
		if (slice_trim(r->stop[i]).len > 0) {
			json_write_string(w, r->stop[i]);
		}
	}
	json_end_array(w);
}

static void put_thinking_config(struct anthropic_build *b, struct json_writer *w) {
	static const char *const types[] = {
		[CHAT_REASONING_OFF] = "disabled",
		[CHAT_REASONING_ON] = "enabled",
		[CHAT_REASONING_ADAPTIVE] = "adaptive",
		[CHAT_REASONING_BETWEEN_TOOLS] = "between_tools",
	};
	const struct chat_reasoning *r = &b->reasoning;
	if (r->mode == CHAT_REASONING_UNSET) {
		return;
	}
	json_write_key(w, "thinking");
	json_begin_object(w);
	json_put_cstr(w, "type", types[r->mode]);
	if (is_manual_thinking(b)) {
		json_put_int(w, "budget_tokens", r->budget_tokens);
	}
	if (r->display.data && is_thinking(b)) {
		json_put_string(w, "display", r->display);
	}
	json_end_object(w);
}

static void put_output_config(struct anthropic_build *b, struct json_writer *w) {
	const struct chat_response_format *format = &b->request->response_format;
	bool has_format =
		format->is_set && format->kind == CHAT_RESPONSE_JSON_SCHEMA &&
		(b->is_same_format || model_has(b->target->family, MODEL_HAS_STRUCTURED_OUTPUT));
	struct slice effort = b->has_effort ? slice_of(b->effort) : (struct slice){0};
	if (b->is_same_format && b->request->reasoning.effort.data) {
		effort = b->request->reasoning.effort;
	}
	if (!has_format && !effort.data) {
		return;
	}
	json_write_key(w, "output_config");
	json_begin_object(w);
	if (effort.data) {
		json_put_string(w, "effort", effort);
	}
	if (has_format) {
		json_write_key(w, "format");
		json_begin_object(w);
		json_put_cstr(w, "type", "json_schema");
		json_put_raw(w, "schema",
			b->is_same_format ? format->schema
					  : anthropic_output_schema(b, format->schema));
		json_end_object(w);
	}
	json_end_object(w);
}

/* AN-25 */
static void put_metadata(struct anthropic_build *b, struct json_writer *w) {
	const struct chat_request *r = b->request;
	if (b->is_same_format && r->metadata.data) {
		json_put_raw(w, "metadata", r->metadata);
	} else if (r->end_user_id.len > 0) {
		json_write_key(w, "metadata");
		json_begin_object(w);
		json_put_string(w, "user_id", r->end_user_id);
		json_end_object(w);
	}
	if (!r->service_tier.data) {
		return;
	}
	if (b->is_same_format) {
		json_put_string(w, "service_tier", r->service_tier);
	} else if (slice_is(r->service_tier, "auto")) {
		json_put_cstr(w, "service_tier", "auto");
	} else if (slice_is(r->service_tier, "default")) {
		json_put_cstr(w, "service_tier", "standard_only");
	} else {
		chat_drop(b->losses, "AN-25", "service_tier", "no such tier here");
	}
}

/* ---- what is left behind ---- */

static void note_dropped(struct anthropic_build *b) {
	const struct chat_request *r = b->request;
	const struct {
		bool is_there;
		const char *field;
	} fields[] = {
		{r->presence_penalty.raw.data != NULL, "presence_penalty"},
		{r->frequency_penalty.raw.data != NULL, "frequency_penalty"},
		{r->repeat_penalty.raw.data != NULL, "repetition_penalty"},
		{r->min_p.raw.data != NULL, "min_p"},
		{r->seed.raw.data != NULL, "seed"},
		{r->logit_bias.data != NULL, "logit_bias"},
		{r->logprobs == TRI_TRUE, "logprobs"},
		{r->has_top_logprobs, "top_logprobs"},
		{r->verbosity.data != NULL, "verbosity"},
		{r->prediction.data != NULL, "prediction"},
		{r->store == TRI_TRUE, "store"},
		{r->modalities.data != NULL, "modalities"},
		{r->audio_out.data != NULL, "audio"},
		{r->safety_identifier.data != NULL, "safety_identifier"},
		{r->cache_key.data != NULL, "prompt_cache_key"},
		{r->metadata.data != NULL && !b->is_same_format, "metadata"},
	};
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		if (fields[i].is_there) {
			chat_drop(b->losses, "AN-19", fields[i].field,
				"the Messages API has no such field");
		}
	}
	for (size_t i = 0; i < r->ext.len; i++) {
		if (r->ext.items[i].format != FORMAT_ANTHROPIC) {
			chat_drop(b->losses, "IR-1", arena_strdup(b->arena, r->ext.items[i].name),
				"only the client's own API knows it");
		}
	}
}

/* Top-level extras; dotted names belong to objects that are written elsewhere. */
static void put_top_exts(struct anthropic_build *b, struct json_writer *w) {
	for (size_t i = 0; i < b->request->ext.len; i++) {
		const struct chat_ext *ext = &b->request->ext.items[i];
		if (ext->format == FORMAT_ANTHROPIC &&
			slice_find_byte(ext->name, '.') == SIZE_MAX) {
			json_write_key_slice(w, ext->name);
			json_write_raw(w, ext->json);
		}
	}
}

static bool write_body(struct anthropic_build *b) {
	struct json_writer w;
	json_writer_init(&w, &b->built->body, false);
	json_begin_object(&w);
	json_put_string(&w, "model", b->target->model);
	if (b->request->op == CHAT_OP_CHAT) {
		json_put_int(&w, "max_tokens", b->max_tokens);
	}
	put_system(b, &w);
	if (!put_messages(b, &w)) {
		return false;
	}
	if (put_tools(b, &w) > 0) {
		put_tool_choice(b, &w);
	}
	put_thinking_config(b, &w);
	put_output_config(b, &w);
	if (b->request->op == CHAT_OP_CHAT) {
		put_sampling(b, &w);
		put_stop(b, &w);
		put_metadata(b, &w);
		put_top_exts(b, &w);
		if (b->target->stream) {
			json_put_bool(&w, "stream", true);
		}
	}
	json_end_object(&w);
	return !b->built->body.failed || error_set(b->error, ERROR_TOO_LARGE,
						 "the translated request is larger than the limit");
}

bool anthropic_build_request(const struct chat_request *request, const struct format_target *target,
	struct format_built *built, struct chat_losses *losses, struct error *error) {
	struct anthropic_build b = {
		.request = request,
		.target = target,
		.built = built,
		.losses = losses,
		.error = error,
		.arena = request->arena,
		.is_same_format = request->client_format == FORMAT_ANTHROPIC,
		.system = {0},
	};
	if (!check_request(&b)) {
		return false;
	}
	for (size_t i = 0; i < request->system.len; i++) {
		*ARENA_PUSH(b.arena, &b.system) = request->system.items[i];
	}
	built->body.allow_refs = true;
	built->betas = request->betas;
	built->beta_count = b.is_same_format ? request->beta_count : 0;
	anthropic_make_turns(&b);
	choose_max_tokens(&b);
	choose_thinking(&b);
	choose_output(&b);
	choose_tools(&b);
	limit_cache_marks(&b);
	note_dropped(&b);
	return write_body(&b);
}
