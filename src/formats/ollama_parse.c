/* ollama_parse.c: a client's /api/chat and /api/generate requests: everything but the messages
 * (OL-1..OL-4). */
#include "base/clock.h"
#include "formats/ollama_internal.h"
#include "formats/parse_common.h"

/* Schema of a tool that declares none. */
#define NO_PARAMETERS SLICE("{\"type\":\"object\",\"properties\":{}}")

/* ---- options (OL-1) ---- */

/* Those that other dialects have too. */
static const struct {
	const char *name, *path; /* in the object, and in error messages */
	size_t offset;           /* of a struct chat_number of the request */
} number_options[] = {
	{"temperature", "options.temperature", offsetof(struct chat_request, temperature)},
	{"top_p", "options.top_p", offsetof(struct chat_request, top_p)},
	{"top_k", "options.top_k", offsetof(struct chat_request, top_k)},
	{"min_p", "options.min_p", offsetof(struct chat_request, min_p)},
	{"seed", "options.seed", offsetof(struct chat_request, seed)},
	{"repeat_penalty", "options.repeat_penalty", offsetof(struct chat_request, repeat_penalty)},
	{"presence_penalty", "options.presence_penalty",
		offsetof(struct chat_request, presence_penalty)},
	{"frequency_penalty", "options.frequency_penalty",
		offsetof(struct chat_request, frequency_penalty)},
};
#define NUMBER_OPTIONS (sizeof number_options / sizeof *number_options)

static bool read_num_predict(struct ollama_parser *p, const struct json *node) {
	int64_t count;
	if (!parse_count(p->error, node, "options.num_predict", INT32_MIN, INT64_MAX / 4, &count)) {
		return false;
	}
	/* -1: no limit; -2: as much as the context holds */
	p->request->has_max_output_tokens = count >= 0;
	p->request->max_output_tokens = count >= 0 ? count : 0;
	return true;
}

static bool read_option(struct ollama_parser *p, const struct json *member) {
	if (json_key_is(member, "num_predict")) {
		return read_num_predict(p, member);
	}
	if (json_key_is(member, "stop")) {
		return parse_strings(p->error, member, "options.stop", p->arena, &p->request->stop,
			&p->request->stop_count);
	}
	for (size_t i = 0; i < NUMBER_OPTIONS; i++) {
		if (json_key_is(member, number_options[i].name)) {
			char *at = (char *)p->request + number_options[i].offset;
			return parse_number(p->error, member, number_options[i].path,
				(struct chat_number *)(void *)at);
		}
	}
	chat_ext_add(p->arena, &p->request->ext, FORMAT_OLLAMA,
		arena_printf(p->arena, OLLAMA_OPTION_PREFIX "%.*s",
			SLICE_FMT(json_key(member, p->arena))),
		json_raw(member));
	return true;
}

static bool read_options(struct ollama_parser *p, const struct json *node) {
	if (!json_is(node, JSON_OBJECT)) {
		return parse_refuse(p->error, "options", node, "an object");
	}
	json_each (member, node) {
		if (member->type != JSON_NULL && !read_option(p, member)) {
			return false;
		}
	}
	return true;
}

/* ---- tools ---- */

static bool read_tool(struct ollama_parser *p, const struct json *item) {
	const struct json *function = json_get_value(item, "function");
	const struct json *schema = json_get_value(function, "parameters");
	struct slice name = json_string(json_get(function, "name"), p->arena);
	if (name.len == 0) {
		return error_set_param(p->error, ERROR_INVALID_REQUEST, "tools",
			"'tools' holds a tool without a function that has a name");
	}
	if (schema != NULL && !json_is(schema, JSON_OBJECT)) {
		return parse_refuse(p->error, "tools.function.parameters", schema, "an object");
	}
	struct chat_tool *tool = chat_request_push_tool(p->request);
	tool->raw = json_raw(item);
	tool->provider = FORMAT_OLLAMA;
	tool->name = name;
	tool->description = json_string(json_get_value(function, "description"), p->arena);
	tool->schema = schema ? json_raw(schema) : NO_PARAMETERS;
	return true;
}

static bool read_tools(struct ollama_parser *p, const struct json *node) {
	if (!json_is(node, JSON_ARRAY)) {
		return parse_refuse(p->error, "tools", node, "a list");
	}
	if (node->count > OLLAMA_MAX_TOOLS) {
		return error_set_param(p->error, ERROR_INVALID_REQUEST, "tools",
			"'tools' holds %u tools, more than %d", (unsigned)node->count,
			OLLAMA_MAX_TOOLS);
	}
	json_each (item, node) {
		if (!read_tool(p, item)) {
			return false;
		}
	}
	return true;
}

/* ---- the other fields ---- */

static bool read_model(struct ollama_parser *p, const struct json *node) {
	return parse_text(p->error, node, "model", p->arena, &p->request->model);
}

static bool read_stream(struct ollama_parser *p, const struct json *node) {
	return json_bool(node, &p->request->stream) ||
	       parse_refuse(p->error, "stream", node, "true or false"); /* E-87 */
}

static bool read_format(struct ollama_parser *p, const struct json *node) {
	struct chat_response_format *format = &p->request->response_format;
	if (json_is(node, JSON_OBJECT)) {
		format->is_set = true;
		format->kind = CHAT_RESPONSE_JSON_SCHEMA;
		format->schema = json_raw(node);
	} else if (json_string_is(node, "json")) {
		format->is_set = true;
		format->kind = CHAT_RESPONSE_JSON_OBJECT;
	} else if (!json_string_is(node, "")) {
		return error_set_param(p->error, ERROR_INVALID_REQUEST, "format",
			"'format' must be \"json\" or a JSON schema, an object");
	}
	return true;
}

/* 4.5: true leaves the effort to the model. */
static bool read_think(struct ollama_parser *p, const struct json *node) {
	static const char *const levels[] = {"low", "medium", "high", "max"};
	struct chat_reasoning *reasoning = &p->request->reasoning;
	bool is_on;
	if (json_bool(node, &is_on)) {
		reasoning->mode = is_on ? CHAT_REASONING_ADAPTIVE : CHAT_REASONING_OFF;
		reasoning->include_text = is_on ? TRI_TRUE : TRI_FALSE;
		return true;
	}
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
		if (json_string_is(node, levels[i])) {
			reasoning->mode = CHAT_REASONING_ON;
			reasoning->effort = slice_of(levels[i]);
			reasoning->include_text = TRI_TRUE;
			return true;
		}
	}
	return error_set_param(p->error, ERROR_INVALID_REQUEST, "think",
		"'think' must be true, false, \"low\", \"medium\", \"high\" or \"max\"");
}

static bool read_logprobs(struct ollama_parser *p, const struct json *node) {
	return parse_flag(p->error, node, "logprobs", &p->request->logprobs);
}

static bool read_top_logprobs(struct ollama_parser *p, const struct json *node) {
	p->request->has_top_logprobs = true;
	return parse_count(p->error, node, "top_logprobs", 0, 1000, &p->request->top_logprobs);
}

static bool read_system(struct ollama_parser *p, const struct json *node) {
	struct slice text;
	if (!parse_text(p->error, node, "system", p->arena, &text)) {
		return false;
	}
	if (text.len > 0) {
		chat_parts_push(p->arena, &p->request->system, CHAT_PART_TEXT)->text = text;
		p->request->system_is_string = true;
	}
	return true;
}

static bool read_suffix(struct ollama_parser *p, const struct json *node) {
	return parse_text(p->error, node, "suffix", p->arena, &p->request->suffix);
}

/* A prompt is one user message; an empty one wants the model loaded (OL-4). */
static bool read_prompt(struct ollama_parser *p, const struct json *node) {
	struct slice text;
	if (!parse_text(p->error, node, "prompt", p->arena, &text)) {
		return false;
	}
	if (text.len > 0) {
		struct chat_message *message = chat_request_push(p->request, CHAT_ROLE_USER);
		message->has_string_content = true;
		chat_parts_push(p->arena, &message->parts, CHAT_PART_TEXT)->text = text;
	}
	return true;
}

static bool read_images(struct ollama_parser *p, const struct json *node) {
	struct chat_request *r = p->request;
	struct chat_parts unused = {0};
	return ollama_parse_images(
		p, node, "images", r->messages.len > 0 ? &r->messages.items[0].parts : &unused);
}

enum calls {
	IN_CHAT = 1,
	IN_GENERATE = 2
};

/* In order of dependence: images stand behind their prompt. */
static const struct {
	const char *name;
	bool (*read)(struct ollama_parser *p, const struct json *node);
	int calls;
} fields[] = {
	{"model", read_model, IN_CHAT | IN_GENERATE},
	{"messages", ollama_parse_messages, IN_CHAT},
	{"prompt", read_prompt, IN_GENERATE},
	{"images", read_images, IN_GENERATE},
	{"suffix", read_suffix, IN_GENERATE},
	{"system", read_system, IN_GENERATE},
	{"stream", read_stream, IN_CHAT | IN_GENERATE},
	{"format", read_format, IN_CHAT | IN_GENERATE},
	{"tools", read_tools, IN_CHAT},
	{"think", read_think, IN_CHAT | IN_GENERATE},
	{"options", read_options, IN_CHAT | IN_GENERATE},
	{"logprobs", read_logprobs, IN_CHAT | IN_GENERATE},
	{"top_logprobs", read_top_logprobs, IN_CHAT | IN_GENERATE},
};
#define FIELDS (sizeof fields / sizeof *fields)

/* IR-1: what only this dialect knows (keep_alive, template, raw, context, truncate ...). */
static void keep_rest(struct ollama_parser *p, int call) {
	json_each (member, p->request->tree) {
		bool is_known = member->type == JSON_NULL;
		for (size_t i = 0; i < FIELDS && !is_known; i++) {
			is_known = (fields[i].calls & call) != 0 &&
				   json_key_is(member, fields[i].name);
		}
		if (!is_known) {
			chat_ext_add(p->arena, &p->request->ext, FORMAT_OLLAMA,
				json_key(member, p->arena), json_raw(member));
		}
	}
}

/* The path says it; a body without one (`convert`) has to. */
static bool is_generate(const struct format_parse *parse) {
	if (parse->path.data != NULL) {
		return slice_ends_with(parse->path, SLICE("/generate"));
	}
	return json_get(parse->tree, "messages") == NULL && json_get(parse->tree, "prompt") != NULL;
}

/* keep_alive 0, "0", "0s": the model may go at once. */
static bool is_zero(const struct json *keep_alive, struct arena *arena) {
	double number;
	int64_t ms;
	if (json_double(keep_alive, &number)) {
		return number == 0;
	}
	struct slice text = json_string(keep_alive, arena);
	return text.data != NULL && clock_parse_duration(text, 1000, &ms) && ms == 0;
}

bool ollama_parse_request(
	const struct format_parse *parse, struct chat_request *request, struct error *error) {
	struct ollama_parser p = {.request = request, .arena = parse->arena, .error = error};
	*request = (struct chat_request){.client_format = FORMAT_OLLAMA,
		.op = parse->op,
		.arena = parse->arena,
		.body = parse->body,
		.tree = parse->tree,
		.stream = true,
		.is_generate = is_generate(parse)};
	int call = request->is_generate ? IN_GENERATE : IN_CHAT;
	for (size_t i = 0; i < FIELDS; i++) {
		const struct json *node = (fields[i].calls & call) != 0
						  ? json_get_value(parse->tree, fields[i].name)
						  : NULL;
		if (node != NULL && !fields[i].read(&p, node)) {
			return false;
		}
	}
	if (request->model.len == 0) {
		return error_set_param(error, ERROR_INVALID_REQUEST, "model", "model is required");
	}
	keep_rest(&p, call);
	if (request->messages.len == 0 && (request->is_generate || request->system.len == 0)) {
		bool is_over = is_zero(json_get(parse->tree, "keep_alive"), parse->arena);
		request->load = is_over ? CHAT_UNLOAD_MODEL : CHAT_LOAD_MODEL; /* OL-4 */
	}
	return true;
}
