/* openai_chat_parse.c: chat completion requests of clients: everything but the messages
 * (formats.md 2.1). */
#include "formats/openai_chat_parse.h"
#include "formats/parse_common.h"

typedef bool field_reader(struct openai_chat_parser *p, const struct json *node, const char *name);

static bool wrong(struct openai_chat_parser *p, const char *name, const struct json *node,
	const char *wanted) {
	return parse_refuse(p->error, name, node, wanted);
}

/* ---- readers of plain fields ---- */

static bool read_text(
	struct openai_chat_parser *p, const struct json *node, const char *name, struct slice *to) {
	return parse_text(p->error, node, name, p->arena, to);
}

static bool read_flag(struct openai_chat_parser *p, const struct json *node, const char *name,
	enum tristate *to) {
	return parse_flag(p->error, node, name, to);
}

static bool read_count(struct openai_chat_parser *p, const struct json *node, const char *name,
	int64_t least, int64_t most, int64_t *to) {
	return parse_count(p->error, node, name, least, most, to);
}

#define TEXT_FIELD(field)                                                                          \
	static bool read_##field(                                                                  \
		struct openai_chat_parser *p, const struct json *node, const char *name) {         \
		return read_text(p, node, name, &p->request->field);                               \
	}
#define NUMBER_FIELD(field)                                                                        \
	static bool read_##field(                                                                  \
		struct openai_chat_parser *p, const struct json *node, const char *name) {         \
		return parse_number(p->error, node, name, &p->request->field);                     \
	}
#define FLAG_FIELD(field)                                                                          \
	static bool read_##field(                                                                  \
		struct openai_chat_parser *p, const struct json *node, const char *name) {         \
		return read_flag(p, node, name, &p->request->field);                               \
	}
#define RAW_FIELD(field)                                                                           \
	static bool read_##field(                                                                  \
		struct openai_chat_parser *p, const struct json *node, const char *name) {         \
		(void)name;                                                                        \
		p->request->field = json_raw(node);                                                \
		return true;                                                                       \
	}

TEXT_FIELD(model)
TEXT_FIELD(verbosity)
TEXT_FIELD(end_user_id)
TEXT_FIELD(safety_identifier)
TEXT_FIELD(cache_key)
TEXT_FIELD(service_tier)
NUMBER_FIELD(temperature)
NUMBER_FIELD(top_p)
NUMBER_FIELD(top_k)
NUMBER_FIELD(min_p)
NUMBER_FIELD(presence_penalty)
NUMBER_FIELD(frequency_penalty)
NUMBER_FIELD(repeat_penalty)
NUMBER_FIELD(seed)
FLAG_FIELD(parallel_tool_calls)
FLAG_FIELD(logprobs)
FLAG_FIELD(store)
RAW_FIELD(logit_bias)
RAW_FIELD(metadata)
RAW_FIELD(modalities)
RAW_FIELD(audio_out)
RAW_FIELD(prediction)
RAW_FIELD(web_search)

static bool read_messages(struct openai_chat_parser *p, const struct json *node, const char *name) {
	(void)name;
	return openai_chat_parse_messages(p, node);
}

static bool read_max_tokens(
	struct openai_chat_parser *p, const struct json *node, const char *name) {
	p->request->has_max_output_tokens = true;
	return read_count(p, node, name, 1, INT64_MAX / 4, &p->request->max_output_tokens);
}

static bool read_n(struct openai_chat_parser *p, const struct json *node, const char *name) {
	p->request->has_n = true;
	return read_count(p, node, name, 1, 128, &p->request->n);
}

static bool read_top_logprobs(
	struct openai_chat_parser *p, const struct json *node, const char *name) {
	p->request->has_top_logprobs = true;
	return read_count(p, node, name, 0, 1000, &p->request->top_logprobs);
}

static bool read_stop(struct openai_chat_parser *p, const struct json *node, const char *name) {
	return parse_strings(
		p->error, node, name, p->arena, &p->request->stop, &p->request->stop_count);
}

static bool read_stream(struct openai_chat_parser *p, const struct json *node, const char *name) {
	return json_bool(node, &p->request->stream) ||
	       wrong(p, name, node, "true or false"); /* E-87 */
}

static bool read_stream_options(
	struct openai_chat_parser *p, const struct json *node, const char *name) {
	(void)name;
	return parse_stream_options(p->error, node, p->request);
}

/* ---- tools ---- */

struct chat_cache openai_chat_parse_cache(const struct json *owner, struct arena *arena) {
	const struct json *mark = json_get_value(owner, "cache_control");
	const struct json *own = json_get_value(owner, "prompt_cache_breakpoint");
	struct chat_cache cache = {
		.is_set = json_is(mark, JSON_OBJECT) || json_is(own, JSON_OBJECT)};
	cache.ttl = json_string(json_get(mark ? mark : own, "ttl"), arena);
	return cache;
}

/* The common half of a tool and of a deprecated function. */
static bool read_function(struct openai_chat_parser *p, const struct json *function,
	struct chat_tool *tool, const char *name) {
	const struct json *schema = json_get_value(function, "parameters");
	const struct json *strict = json_get_value(function, "strict");
	const struct json *description = json_get_value(function, "description");
	tool->name = json_string(json_get(function, "name"), p->arena);
	tool->description = json_string(description, p->arena);
	tool->schema = schema ? json_raw(schema) : OPENAI_CHAT_NO_PARAMETERS; /* E-92 */
	if (tool->name.len == 0) {
		return error_set_param(p->error, ERROR_INVALID_REQUEST, name,
			"'%s' holds a tool without a name", name);
	}
	if (schema != NULL && !json_is(schema, JSON_OBJECT)) {
		return wrong(p, "tools.function.parameters", schema, "an object");
	}
	return strict == NULL || read_flag(p, strict, "tools.function.strict", &tool->strict);
}

static bool read_tool(struct openai_chat_parser *p, const struct json *item, const char *name) {
	const struct json *type = json_get_value(item, "type");
	const struct json *function = json_get_value(item, "function");
	const struct json *custom = json_get_value(item, "custom");
	if (!json_is(item, JSON_OBJECT)) {
		return wrong(p, name, item, "a list of objects");
	}
	struct chat_tool *tool = chat_request_push_tool(p->request);
	tool->raw = json_raw(item);
	tool->provider = FORMAT_OPENAI_CHAT;
	tool->cache = openai_chat_parse_cache(item, p->arena);
	if (json_is(custom, JSON_OBJECT)) {
		tool->kind = CHAT_TOOL_CUSTOM;
		tool->name = json_string(json_get(custom, "name"), p->arena);
		tool->description = json_string(json_get_value(custom, "description"), p->arena);
		tool->custom_format = json_raw(json_get_value(custom, "format"));
		return tool->name.len > 0 ||
		       error_set_param(p->error, ERROR_INVALID_REQUEST, name,
			       "'%s' holds a custom tool without a name", name);
	}
	if (json_is(function, JSON_OBJECT)) {
		return read_function(p, function, tool, name);
	}
	if (!json_is(type, JSON_STRING) || json_string_is(type, "function")) {
		return error_set_param(p->error, ERROR_INVALID_REQUEST, name,
			"'%s' holds a tool without its function", name);
	}
	tool->kind = CHAT_TOOL_SERVER;
	tool->server_type = json_string(type, p->arena);
	tool->name = tool->server_type;
	tool->builtin = parse_builtin(tool->server_type);
	return true;
}

static bool check_tool_count(
	struct openai_chat_parser *p, const struct json *list, const char *name) {
	if (!json_is(list, JSON_ARRAY)) {
		return wrong(p, name, list, "a list");
	}
	return list->count <= OPENAI_CHAT_MAX_TOOLS ||
	       error_set_param(p->error, ERROR_INVALID_REQUEST, name,
		       "'%s' holds %u tools, more than %d", name, (unsigned)list->count,
		       OPENAI_CHAT_MAX_TOOLS);
}

static bool read_tools(struct openai_chat_parser *p, const struct json *node, const char *name) {
	if (!check_tool_count(p, node, name)) {
		return false;
	}
	json_each (item, node) {
		if (!read_tool(p, item, name)) {
			return false;
		}
	}
	return true;
}

static bool read_functions(
	struct openai_chat_parser *p, const struct json *node, const char *name) {
	if (!check_tool_count(p, node, name)) {
		return false;
	}
	p->request->legacy_functions = true;
	json_each (item, node) {
		struct chat_tool *tool = chat_request_push_tool(p->request);
		tool->provider = FORMAT_OPENAI_CHAT;
		tool->raw = json_raw(item);
		if (!read_function(p, item, tool, name)) {
			return false;
		}
	}
	return true;
}

/* ---- tool choice (4.3) ---- */

static bool choose_word(struct chat_tool_choice *choice, const struct json *word) {
	static const struct {
		const char *word;
		enum chat_tool_choice_mode mode;
	} words[] = {
		{"auto", CHAT_TOOL_CHOICE_AUTO}, {"none", CHAT_TOOL_CHOICE_NONE},
		{"required", CHAT_TOOL_CHOICE_REQUIRED},
		{"any", CHAT_TOOL_CHOICE_REQUIRED}, /* Mistral clients */
	};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (json_string_is(word, words[i].word)) {
			choice->mode = words[i].mode;
			return true;
		}
	}
	return false;
}

static struct slice name_in_tool(const struct json *item, struct arena *arena) {
	static const char *const places[] = {"function", "custom"};
	for (size_t i = 0; i < 2; i++) {
		const struct json *name = json_get(json_get(item, places[i]), "name");
		if (json_is(name, JSON_STRING)) {
			return json_string(name, arena);
		}
	}
	return json_string(json_get(item, "name"), arena);
}

static bool choose_allowed(struct openai_chat_parser *p, const struct json *node) {
	struct chat_tool_choice *choice = &p->request->tool_choice;
	const struct json *nested = json_get_value(node, "allowed_tools");
	const struct json *holder = nested ? nested : node; /* also seen flat */
	const struct json *tools = json_get_value(holder, "tools");
	if (!json_is(tools, JSON_ARRAY)) {
		return error_set_param(p->error, ERROR_INVALID_REQUEST, "tool_choice",
			"'tool_choice' of type allowed_tools must list its tools");
	}
	choice->mode = CHAT_TOOL_CHOICE_ALLOWED;
	choice->allowed_required = json_string_is(json_get(holder, "mode"), "required");
	choice->allowed = ARENA_ARRAY(p->arena, struct slice, tools->count + 1);
	json_each (item, tools) {
		choice->allowed[choice->allowed_count++] = name_in_tool(item, p->arena);
	}
	return true;
}

static bool read_tool_choice(
	struct openai_chat_parser *p, const struct json *node, const char *name) {
	struct chat_tool_choice *choice = &p->request->tool_choice;
	if (choose_word(choice, node)) {
		return true;
	}
	if (json_string_is(json_get(node, "type"), "allowed_tools")) {
		return choose_allowed(p, node);
	}
	choice->mode = CHAT_TOOL_CHOICE_NAMED;
	choice->kind = json_get_value(node, "custom") ? CHAT_TOOL_CUSTOM : CHAT_TOOL_FUNCTION;
	choice->name = name_in_tool(node, p->arena);
	return choice->name.len > 0 || wrong(p, name, node, "a word or an object naming a tool");
}

static bool read_function_call(
	struct openai_chat_parser *p, const struct json *node, const char *name) {
	p->request->legacy_functions = true;
	return p->request->tool_choice.mode != CHAT_TOOL_CHOICE_UNSET ||
	       read_tool_choice(p, node, name);
}

static bool check_tool_choice(struct openai_chat_parser *p) {
	const struct chat_tool_choice *choice = &p->request->tool_choice;
	if (choice->mode != CHAT_TOOL_CHOICE_NAMED ||
		chat_request_find_tool(p->request, choice->name) != NULL) {
		return true;
	}
	return error_set_param(p->error, ERROR_INVALID_REQUEST, "tool_choice",
		"'tool_choice' names the tool '%.*s', which is not in 'tools'",
		choice->name.len > 64 ? 64 : (int)choice->name.len, choice->name.data);
}

/* ---- structured output, reasoning ---- */

static bool read_response_format(
	struct openai_chat_parser *p, const struct json *node, const char *name) {
	struct chat_response_format *format = &p->request->response_format;
	const struct json *type = json_get(node, "type");
	const struct json *schema = json_get_value(node, "json_schema");
	format->is_set = true;
	if (json_string_is(type, "text")) {
		format->kind = CHAT_RESPONSE_TEXT;
	} else if (json_string_is(type, "json_object")) {
		format->kind = CHAT_RESPONSE_JSON_OBJECT;
	} else if (json_string_is(type, "json_schema") && json_is(schema, JSON_OBJECT)) {
		const struct json *strict = json_get_value(schema, "strict");
		format->kind = CHAT_RESPONSE_JSON_SCHEMA;
		format->name = json_string(json_get_value(schema, "name"), p->arena);
		format->description = json_string(json_get_value(schema, "description"), p->arena);
		const struct json *own = json_get_value(schema, "schema");
		if (own != NULL && !json_is(own, JSON_OBJECT)) {
			return wrong(p, "response_format.json_schema.schema", own, "an object");
		}
		/* the vendor takes a format without a schema as "some object" */
		format->schema = own ? json_raw(own) : SLICE("{\"type\":\"object\"}");
		return strict == NULL || read_flag(p, strict, name, &format->strict);
	} else if (json_is(type, JSON_STRING) && schema == NULL) {
		/* grammar, regex and the like of compatible hosts */
		format->is_set = false;
		chat_ext_add(p->arena, &p->request->ext, FORMAT_OPENAI_CHAT,
			SLICE("response_format"), json_raw(node));
	} else {
		return wrong(p, name, type, "an object of type text, json_object or json_schema");
	}
	return true;
}

static void want_effort(struct chat_reasoning *reasoning, struct slice effort) {
	reasoning->effort = effort;
	reasoning->mode = slice_is(effort, "none") ? CHAT_REASONING_OFF : CHAT_REASONING_ON;
}

static bool read_reasoning_effort(
	struct openai_chat_parser *p, const struct json *node, const char *name) {
	struct slice effort;
	if (!read_text(p, node, name, &effort)) {
		return false;
	}
	want_effort(&p->request->reasoning, effort);
	return true;
}

static void want_budget(struct chat_reasoning *reasoning, const struct json *node) {
	int64_t budget;
	if (json_int64(node, &budget) && budget >= -1) {
		reasoning->has_budget = true;
		reasoning->budget_tokens = budget;
		reasoning->mode = budget == 0 ? CHAT_REASONING_OFF : CHAT_REASONING_ON;
	}
}

static void want_enabled(struct chat_reasoning *reasoning, const struct json *node) {
	bool on;
	if (json_bool(node, &on) && (!on || reasoning->mode == CHAT_REASONING_UNSET)) {
		reasoning->mode = on ? CHAT_REASONING_ON : CHAT_REASONING_OFF;
	}
}

static void keep(struct openai_chat_parser *p, const struct json *node, const char *name) {
	chat_ext_add(
		p->arena, &p->request->ext, FORMAT_OPENAI_CHAT, slice_of(name), json_raw(node));
}

/* The spellings of compatible hosts are understood and, for such hosts, kept as written. */
static bool read_reasoning(
	struct openai_chat_parser *p, const struct json *node, const char *name) {
	struct chat_reasoning *reasoning = &p->request->reasoning;
	const struct json *effort = json_get_value(node, "effort");
	bool is_excluded;
	keep(p, node, name);
	want_enabled(reasoning, json_get(node, "enabled"));
	want_budget(reasoning, json_get(node, "max_tokens"));
	if (json_is(effort, JSON_STRING)) {
		want_effort(reasoning, json_string(effort, p->arena));
	}
	if (json_bool(json_get(node, "exclude"), &is_excluded) && is_excluded) {
		reasoning->include_text = TRI_FALSE;
	}
	return true;
}

static bool read_thinking(struct openai_chat_parser *p, const struct json *node, const char *name) {
	struct chat_reasoning *reasoning = &p->request->reasoning;
	const struct json *type = json_get(node, "type");
	keep(p, node, name);
	if (json_string_is(type, "disabled")) {
		reasoning->mode = CHAT_REASONING_OFF;
	} else if (json_string_is(type, "adaptive")) {
		reasoning->mode = CHAT_REASONING_ADAPTIVE;
	} else if (json_string_is(type, "enabled")) {
		reasoning->mode = CHAT_REASONING_ON;
		want_budget(reasoning, json_get(node, "budget_tokens"));
	}
	return true;
}

static bool read_enable_thinking(
	struct openai_chat_parser *p, const struct json *node, const char *name) {
	keep(p, node, name);
	want_enabled(&p->request->reasoning, node);
	return true;
}

static bool read_thinking_budget(
	struct openai_chat_parser *p, const struct json *node, const char *name) {
	keep(p, node, name);
	if (p->request->reasoning.mode != CHAT_REASONING_OFF) {
		want_budget(&p->request->reasoning, node);
	}
	return true;
}

/* ---- the table ---- */

/* In order of dependence: the later of two spellings wins, `stream` stands before its options. */
static const struct {
	const char *name;
	field_reader *read;
} fields[] = {
	{"model", read_model},
	{"messages", read_messages},
	{"max_tokens", read_max_tokens},
	{"max_completion_tokens", read_max_tokens},
	{"temperature", read_temperature},
	{"top_p", read_top_p},
	{"top_k", read_top_k},
	{"min_p", read_min_p},
	{"repetition_penalty", read_repeat_penalty},
	{"presence_penalty", read_presence_penalty},
	{"frequency_penalty", read_frequency_penalty},
	{"logit_bias", read_logit_bias},
	{"seed", read_seed},
	{"n", read_n},
	{"stop", read_stop},
	{"stream", read_stream},
	{"stream_options", read_stream_options},
	{"tools", read_tools},
	{"functions", read_functions},
	{"tool_choice", read_tool_choice},
	{"function_call", read_function_call},
	{"parallel_tool_calls", read_parallel_tool_calls},
	{"response_format", read_response_format},
	{"enable_thinking", read_enable_thinking},
	{"thinking_budget", read_thinking_budget},
	{"thinking", read_thinking},
	{"reasoning", read_reasoning},
	{"reasoning_effort", read_reasoning_effort},
	{"verbosity", read_verbosity},
	{"modalities", read_modalities},
	{"audio", read_audio_out},
	{"prediction", read_prediction},
	{"metadata", read_metadata},
	{"store", read_store},
	{"user", read_end_user_id},
	{"safety_identifier", read_safety_identifier},
	{"prompt_cache_key", read_cache_key},
	{"service_tier", read_service_tier},
	{"logprobs", read_logprobs},
	{"top_logprobs", read_top_logprobs},
	{"web_search_options", read_web_search},
};
#define FIELDS (sizeof fields / sizeof *fields)

static bool is_known(const struct json *member) {
	for (size_t i = 0; i < FIELDS; i++) {
		if (json_key_is(member, fields[i].name)) {
			return true;
		}
	}
	return false;
}

/* IR-1: what only this format knows stays as it was written. */
static void keep_rest(struct openai_chat_parser *p, const struct json *tree) {
	json_each (member, tree) {
		if (!is_known(member)) {
			chat_ext_add(p->arena, &p->request->ext, FORMAT_OPENAI_CHAT,
				json_key(member, p->arena), json_raw(member));
		}
	}
}

bool openai_chat_parse_request(
	const struct format_parse *parse, struct chat_request *request, struct error *error) {
	struct openai_chat_parser p = {.request = request, .arena = parse->arena, .error = error};
	*request = (struct chat_request){.client_format = FORMAT_OPENAI_CHAT,
		.op = parse->op,
		.arena = parse->arena,
		.body = parse->body,
		.tree = parse->tree};
	if (json_get_value(parse->tree, "model") == NULL) {
		return error_set_param(error, ERROR_INVALID_REQUEST, "model",
			"you must provide a 'model' parameter");
	}
	if (json_get_value(parse->tree, "messages") == NULL) {
		return error_set_param(error, ERROR_INVALID_REQUEST, "messages",
			"you must provide a 'messages' parameter");
	}
	for (size_t i = 0; i < FIELDS; i++) {
		const struct json *node = json_get_value(parse->tree, fields[i].name);
		if (node != NULL && !fields[i].read(&p, node, fields[i].name)) {
			return false;
		}
	}
	keep_rest(&p, parse->tree);
	return check_tool_choice(&p);
}
