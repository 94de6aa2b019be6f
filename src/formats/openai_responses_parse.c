/* openai_responses_parse.c: requests of Responses clients: everything but tools and input items
 * (formats.md 2.3). */
#include "formats/openai_responses_parse.h"

/* ---- fields with a reader of their own ---- */

static bool read_instructions(struct openai_responses_parser *p, const struct json *node) {
	struct slice text;
	if (!parse_text(p->error, node, "instructions", p->arena, &text)) {
		return false;
	}
	p->request->system_is_string = true;
	p->request->system_role = CHAT_ROLE_SYSTEM;
	chat_parts_push(p->arena, &p->request->system, CHAT_PART_TEXT)->text = text;
	return true;
}

static bool read_max_tokens(struct openai_responses_parser *p, const struct json *node) {
	p->request->has_max_output_tokens = true;
	return parse_count(p->error, node, "max_output_tokens", 1, INT64_MAX / 4,
		&p->request->max_output_tokens);
}

static bool read_top_logprobs(struct openai_responses_parser *p, const struct json *node) {
	struct chat_request *r = p->request;
	r->has_top_logprobs = true;
	return parse_count(p->error, node, "top_logprobs", 0, 20, &r->top_logprobs);
}

static bool read_stream(struct openai_responses_parser *p, const struct json *node) {
	return json_bool(node, &p->request->stream) ||
	       parse_refuse(p->error, "stream", node, "true or false"); /* E-87 */
}

static bool read_stream_options(struct openai_responses_parser *p, const struct json *node) {
	const struct json *padding = json_get_value(node, "include_obfuscation");
	p->request->has_stream_options = true;
	return padding == NULL ||
	       parse_flag(p->error, padding, "stream_options.include_obfuscation",
		       &p->request->include_obfuscation);
}

static bool read_schema(
	struct openai_responses_parser *p, const struct json *node, const struct json *schema) {
	struct chat_response_format *format = &p->request->response_format;
	const struct json *strict = json_get_value(node, "strict");
	if (schema != NULL && !json_is(schema, JSON_OBJECT)) {
		return parse_refuse(p->error, "text.format.schema", schema, "an object");
	}
	format->kind = CHAT_RESPONSE_JSON_SCHEMA;
	format->name = json_string(json_get_value(node, "name"), p->arena);
	format->description = json_string(json_get_value(node, "description"), p->arena);
	format->schema = schema ? json_raw(schema) : SLICE("{\"type\":\"object\"}");
	return strict == NULL ||
	       parse_flag(p->error, strict, "text.format.strict", &format->strict);
}

/* The format is flat here, not nested as in cc. */
static bool read_text_format(struct openai_responses_parser *p, const struct json *node) {
	struct chat_response_format *format = &p->request->response_format;
	const struct json *type = json_get(node, "type");
	format->is_set = true;
	if (json_string_is(type, "text")) {
		format->kind = CHAT_RESPONSE_TEXT;
	} else if (json_string_is(type, "json_object")) {
		format->kind = CHAT_RESPONSE_JSON_OBJECT;
	} else if (json_string_is(type, "json_schema")) {
		return read_schema(p, node, json_get_value(node, "schema"));
	} else if (json_is(type, JSON_STRING)) {
		format->is_set = false; /* grammars of compatible hosts: only they know them */
		chat_ext_add(p->arena, &p->request->ext, FORMAT_OPENAI_RESPONSES,
			SLICE("text.format"), json_raw(node));
	} else {
		return parse_refuse(
			p->error, "text.format.type", type, "text, json_object or json_schema");
	}
	return true;
}

static bool read_text(struct openai_responses_parser *p, const struct json *node) {
	const struct json *format = json_get_value(node, "format");
	const struct json *verbosity = json_get_value(node, "verbosity");
	if (!json_is(node, JSON_OBJECT)) {
		return parse_refuse(p->error, "text", node, "an object");
	}
	return (format == NULL || read_text_format(p, format)) &&
	       (verbosity == NULL || parse_text(p->error, verbosity, "text.verbosity", p->arena,
					     &p->request->verbosity));
}

static bool read_reasoning(struct openai_responses_parser *p, const struct json *node) {
	struct chat_reasoning *reasoning = &p->request->reasoning;
	const struct json *effort = json_get_value(node, "effort");
	const struct json *summary = json_get_value(node, "summary");
	if (!json_is(node, JSON_OBJECT)) {
		return parse_refuse(p->error, "reasoning", node, "an object");
	}
	summary = summary ? summary : json_get_value(node, "generate_summary");
	if (effort != NULL &&
		!parse_text(p->error, effort, "reasoning.effort", p->arena, &reasoning->effort)) {
		return false;
	}
	if (summary != NULL && !parse_text(p->error, summary, "reasoning.summary", p->arena,
				       &reasoning->summary)) {
		return false;
	}
	if (effort != NULL) {
		reasoning->mode = slice_is(reasoning->effort, "none") ? CHAT_REASONING_OFF
								      : CHAT_REASONING_ON;
	}
	if (summary != NULL && !slice_is(reasoning->summary, "none")) {
		reasoning->include_text = TRI_TRUE;
	}
	json_each (member, node) {
		if (json_key_is(member, "context") || json_key_is(member, "mode")) {
			chat_ext_add(p->arena, &p->request->ext, FORMAT_OPENAI_RESPONSES,
				arena_printf(p->arena, "reasoning.%.*s",
					SLICE_FMT(json_key(member, p->arena))),
				json_raw(member));
		}
	}
	return true;
}

/* `message.output_text.logprobs` is how log probabilities are asked for. */
static bool read_include(struct openai_responses_parser *p, const struct json *node) {
	if (!json_is(node, JSON_ARRAY)) {
		return parse_refuse(p->error, "include", node, "a list");
	}
	p->request->include = json_raw(node);
	json_each (item, node) {
		if (json_string_is(item, "message.output_text.logprobs")) {
			p->request->logprobs = TRI_TRUE;
		}
	}
	return true;
}

/* ---- the table ---- */

enum field_kind {
	FIELD_READ,
	FIELD_TEXT,
	FIELD_NUMBER,
	FIELD_FLAG,
	FIELD_RAW
};

#define AT(member) offsetof(struct chat_request, member)

/* In order of dependence: instructions stand before the input, tools before the choice. */
static const struct {
	const char *name;
	enum field_kind kind;
	size_t offset;
	bool (*read)(struct openai_responses_parser *p, const struct json *node);
} fields[] = {
	{"model", FIELD_TEXT, AT(model), NULL},
	{"instructions", FIELD_READ, 0, read_instructions},
	{"input", FIELD_READ, 0, openai_responses_parse_input},
	{"max_output_tokens", FIELD_READ, 0, read_max_tokens},
	{"temperature", FIELD_NUMBER, AT(temperature), NULL},
	{"top_p", FIELD_NUMBER, AT(top_p), NULL},
	{"presence_penalty", FIELD_NUMBER, AT(presence_penalty), NULL},
	{"frequency_penalty", FIELD_NUMBER, AT(frequency_penalty), NULL},
	{"top_logprobs", FIELD_READ, 0, read_top_logprobs},
	{"stream", FIELD_READ, 0, read_stream},
	{"stream_options", FIELD_READ, 0, read_stream_options},
	{"tools", FIELD_READ, 0, openai_responses_parse_tools},
	{"tool_choice", FIELD_READ, 0, openai_responses_parse_tool_choice},
	{"parallel_tool_calls", FIELD_FLAG, AT(parallel_tool_calls), NULL},
	{"text", FIELD_READ, 0, read_text},
	{"reasoning", FIELD_READ, 0, read_reasoning},
	{"include", FIELD_READ, 0, read_include},
	{"store", FIELD_FLAG, AT(store), NULL},
	{"previous_response_id", FIELD_TEXT, AT(previous_response_id), NULL},
	{"truncation", FIELD_TEXT, AT(truncation), NULL},
	{"metadata", FIELD_RAW, AT(metadata), NULL},
	{"user", FIELD_TEXT, AT(end_user_id), NULL},
	{"safety_identifier", FIELD_TEXT, AT(safety_identifier), NULL},
	{"prompt_cache_key", FIELD_TEXT, AT(cache_key), NULL},
	{"service_tier", FIELD_TEXT, AT(service_tier), NULL},
};
#define FIELDS (sizeof fields / sizeof *fields)

static bool read_field(struct openai_responses_parser *p, size_t number, const struct json *node) {
	const char *name = fields[number].name;
	void *to = (char *)p->request + fields[number].offset;
	switch (fields[number].kind) {
	case FIELD_TEXT:
		return parse_text(p->error, node, name, p->arena, to);
	case FIELD_NUMBER:
		return parse_number(p->error, node, name, to);
	case FIELD_FLAG:
		return parse_flag(p->error, node, name, to);
	case FIELD_RAW:
		*(struct slice *)to = json_raw(node);
		return true;
	case FIELD_READ:
		break;
	}
	return fields[number].read(p, node);
}

/* IR-1: what only this format knows stays as it was written. */
static void keep_rest(struct openai_responses_parser *p, const struct json *tree) {
	json_each (member, tree) {
		bool is_known = false;
		for (size_t i = 0; i < FIELDS && !is_known; i++) {
			is_known = json_key_is(member, fields[i].name);
		}
		if (!is_known) {
			chat_ext_add(p->arena, &p->request->ext, FORMAT_OPENAI_RESPONSES,
				json_key(member, p->arena), json_raw(member));
		}
	}
}

/* 2.3: the input may be absent where something else says what to answer. */
static bool has_input(const struct json *tree) {
	static const char *const names[] = {
		"input", "prompt", "conversation", "previous_response_id"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (json_get_value(tree, names[i]) != NULL) {
			return true;
		}
	}
	return false;
}

bool openai_responses_parse_request(
	const struct format_parse *parse, struct chat_request *request, struct error *error) {
	struct openai_responses_parser p = {
		.request = request, .arena = parse->arena, .error = error};
	*request = (struct chat_request){.client_format = FORMAT_OPENAI_RESPONSES,
		.op = parse->op,
		.arena = parse->arena,
		.body = parse->body,
		.tree = parse->tree,
		.reasoning.include_text = TRI_FALSE}; /* RE-5: unless summaries are asked for */
	if (json_get_value(parse->tree, "model") == NULL) {
		return error_set_param(error, ERROR_INVALID_REQUEST, "model",
			"you must provide a 'model': it says where the request goes");
	}
	if (!has_input(parse->tree)) {
		return error_set_param(error, ERROR_INVALID_REQUEST, "input",
			"you must provide an 'input': a text or a list of items");
	}
	for (size_t i = 0; i < FIELDS; i++) {
		const struct json *node = json_get_value(parse->tree, fields[i].name);
		if (node != NULL && !read_field(&p, i, node)) {
			return false;
		}
	}
	keep_rest(&p, parse->tree);
	return true;
}
