/* anthropic_parse.c: a client's Messages request into the canonical request (formats.md 2.4). */
#include "formats/anthropic.h"
#include "formats/parse_common.h"

/* What is looked up by name stays cheap. A catalogue for tool search may hold 10,000 tools. */
#define MAX_TOOLS 10000
#define MAX_BETAS 128

struct parser {
	const struct format_parse *in;
	struct chat_request *request;
	struct arena *arena;
	struct error *error;
	const char *path; /* where in the request we are, for errors: "messages.3.content.0" */
};

/* The API's own wording: "messages.0.role: Input should be ..." */
static bool refuse(struct parser *p, const char *field, const char *what) {
	struct slice param =
		p->path ? arena_printf(p->arena, "%s%s%s", p->path, *field ? "." : "", field)
			: slice_of(field);
	return error_set_param(
		p->error, ERROR_INVALID_REQUEST, param.data, "%.*s: %s", SLICE_FMT(param), what);
}

static bool read_string(
	struct parser *p, const char *field, const struct json *value, struct slice *out) {
	if (!json_is(value, JSON_STRING)) {
		return refuse(p, field, "Input should be a valid string");
	}
	*out = json_string(value, p->arena);
	return true;
}

static bool read_int(struct parser *p, const char *field, const struct json *value, int64_t *out) {
	if (!json_is(value, JSON_NUMBER) || !json_int64(value, out)) {
		return refuse(p, field, "Input should be a valid integer");
	}
	return true;
}

static bool read_bool(struct parser *p, const char *field, const struct json *value, bool *out) {
	if (!json_bool(value, out)) {
		return refuse(p, field, "Input should be a valid boolean");
	}
	return true;
}

static bool read_number(
	struct parser *p, const char *field, const struct json *value, struct chat_number *out) {
	if (!json_is(value, JSON_NUMBER) || !json_double(value, &out->value)) {
		return refuse(p, field, "Input should be a valid number");
	}
	out->raw = json_raw(value);
	return true;
}

/* Keeps the members of an object that are not in `known` (NULL-terminated) under prefix + name. */
static void keep_unknown(struct parser *p, const struct json *object, const char *prefix,
	const char *const *known, struct chat_exts *exts) {
	json_each (member, object) {
		bool is_known = false;
		for (const char *const *name = known; *name && !is_known; name++) {
			is_known = json_key_is(member, *name);
		}
		if (!is_known) {
			struct slice key = json_key(member, p->arena);
			if (*prefix) {
				key = arena_printf(p->arena, "%s%.*s", prefix, SLICE_FMT(key));
			}
			chat_ext_add(p->arena, exts, FORMAT_ANTHROPIC, key, json_raw(member));
		}
	}
}

/* cache_control: {"type":"ephemeral","ttl":"5m"|"1h"}; null is absent. */
static void read_cache(struct parser *p, const struct json *owner, struct chat_cache *cache) {
	const struct json *control = json_get_value(owner, "cache_control");
	if (json_is(control, JSON_OBJECT)) {
		cache->is_set = true;
		cache->ttl = json_string(json_get(control, "ttl"), p->arena);
	}
}

/* ---- blocks ---- */

static bool read_blocks(
	struct parser *p, const struct json *content, struct chat_parts *parts, bool *is_string);

static bool read_text(struct parser *p, const struct json *block, struct chat_part *part) {
	const struct json *citations = json_get_value(block, "citations");
	if (json_is(citations, JSON_ARRAY)) {
		part->citations = json_raw(citations);
		part->provider = FORMAT_ANTHROPIC;
	}
	return read_string(p, "text", json_get(block, "text"), &part->text);
}

/* source of images and documents */
static bool read_source(struct parser *p, const struct json *block, struct chat_part *part) {
	static const struct {
		const char *type, *field;
		enum chat_source source;
	} kinds[] = {
		{"base64", "data", CHAT_SOURCE_BASE64},
		{"url", "url", CHAT_SOURCE_URL},
		{"file", "file_id", CHAT_SOURCE_FILE_ID},
		{"text", "data", CHAT_SOURCE_TEXT},
	};
	const struct json *source = json_get(block, "source");
	if (!json_is(source, JSON_OBJECT)) {
		return refuse(p, "source", "Field required");
	}
	part->media_type = json_string(json_get(source, "media_type"), p->arena);
	const struct json *type = json_get(source, "type");
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (json_string_is(type, kinds[i].type)) {
			part->source = kinds[i].source;
			return read_string(p, kinds[i].field, json_get(source, kinds[i].field),
				part->source == CHAT_SOURCE_TEXT ? &part->text : &part->data);
		}
	}
	if (json_string_is(type, "content")) {
		part->source = CHAT_SOURCE_PARTS;
		return read_blocks(
			p, json_get(source, "content"), &part->parts, &part->has_string_content);
	}
	return refuse(
		p, "source.type", "Input should be 'base64', 'url', 'file', 'text' or 'content'");
}

static bool read_document(struct parser *p, const struct json *block, struct chat_part *part) {
	part->title = json_string(json_get_value(block, "title"), p->arena);
	part->context = json_string(json_get_value(block, "context"), p->arena);
	bool enabled;
	if (json_bool(json_get(json_get(block, "citations"), "enabled"), &enabled)) {
		part->citations_enabled = enabled ? TRI_TRUE : TRI_FALSE;
	}
	return read_source(p, block, part);
}

static bool read_search_result(struct parser *p, const struct json *block, struct chat_part *part) {
	part->title = json_string(json_get(block, "title"), p->arena);
	part->data = json_string(json_get(block, "source"), p->arena);
	part->source = CHAT_SOURCE_URL;
	bool enabled;
	if (json_bool(json_get(json_get(block, "citations"), "enabled"), &enabled)) {
		part->citations_enabled = enabled ? TRI_TRUE : TRI_FALSE;
	}
	bool is_string;
	return read_blocks(p, json_get(block, "content"), &part->parts, &is_string);
}

static bool read_tool_use(struct parser *p, const struct json *block, struct chat_part *part) {
	/* AC-3: the raw object is the arguments; absent is {}. */
	const struct json *input = json_get_value(block, "input");
	part->args = input ? json_raw(input) : SLICE("{}");
	part->args_valid = true;
	return read_string(p, "id", json_get(block, "id"), &part->call_id) &&
	       read_string(p, "name", json_get(block, "name"), &part->name);
}

static bool read_tool_result(struct parser *p, const struct json *block, struct chat_part *part) {
	if (!read_string(p, "tool_use_id", json_get(block, "tool_use_id"), &part->call_id)) {
		return false;
	}
	const struct json *is_error = json_get_value(block, "is_error");
	if (is_error && !read_bool(p, "is_error", is_error, &part->is_error)) {
		return false;
	}
	const struct json *content = json_get_value(block, "content");
	return !content || read_blocks(p, content, &part->parts, &part->has_string_content);
}

static bool read_thinking(struct parser *p, const struct json *block, struct chat_part *part) {
	part->provider = FORMAT_ANTHROPIC;
	part->signature = json_string(json_get_value(block, "signature"), p->arena);
	return read_string(p, "thinking", json_get(block, "thinking"), &part->text);
}

static bool read_redacted(struct parser *p, const struct json *block, struct chat_part *part) {
	part->provider = FORMAT_ANTHROPIC;
	part->is_redacted = true;
	return read_string(p, "data", json_get(block, "data"), &part->signature);
}

static const char *const text_fields[] = {"type", "text", "citations", "cache_control", NULL};
static const char *const image_fields[] = {"type", "source", "cache_control", NULL};
static const char *const document_fields[] = {
	"type", "source", "title", "context", "citations", "cache_control", NULL};
static const char *const search_fields[] = {
	"type", "source", "title", "content", "citations", "cache_control", NULL};
static const char *const tool_use_fields[] = {"type", "id", "name", "input", "cache_control", NULL};
static const char *const tool_result_fields[] = {
	"type", "tool_use_id", "content", "is_error", "cache_control", NULL};
static const char *const thinking_fields[] = {"type", "thinking", "signature", NULL};
static const char *const redacted_fields[] = {"type", "data", NULL};

static const struct block_kind {
	const char *type;
	enum chat_part_kind kind;
	bool (*read)(struct parser *p, const struct json *block, struct chat_part *part);
	const char *const *fields;
} block_kinds[] = {
	{"text", CHAT_PART_TEXT, read_text, text_fields},
	{"image", CHAT_PART_IMAGE, read_source, image_fields},
	{"document", CHAT_PART_FILE, read_document, document_fields},
	{"search_result", CHAT_PART_SEARCH_RESULT, read_search_result, search_fields},
	{"tool_use", CHAT_PART_TOOL_CALL, read_tool_use, tool_use_fields},
	{"tool_result", CHAT_PART_TOOL_RESULT, read_tool_result, tool_result_fields},
	{"thinking", CHAT_PART_THINKING, read_thinking, thinking_fields},
	{"redacted_thinking", CHAT_PART_THINKING, read_redacted, redacted_fields},
};

/* Server tools, compaction, uploads and whatever comes later: kept whole, for Anthropic only. */
static void read_raw_block(
	struct parser *p, const struct json *block, struct slice type, struct chat_part *part) {
	bool is_server = slice_is(type, "server_tool_use") || slice_is(type, "mcp_tool_use") ||
			 slice_ends_with(type, SLICE("_tool_result"));
	part->kind = is_server ? CHAT_PART_SERVER_TOOL : CHAT_PART_RAW;
	part->provider = FORMAT_ANTHROPIC;
	part->raw = json_raw(block);
	part->raw_type = type;
	part->call_id = json_string(json_get(block, "id"), p->arena);
	part->name = json_string(json_get(block, "name"), p->arena);
}

static bool read_block(struct parser *p, const struct json *block, struct chat_parts *parts) {
	struct slice type = json_string(json_get(block, "type"), p->arena);
	if (!json_is(block, JSON_OBJECT) || !type.data) {
		return refuse(p, "type", "Field required");
	}
	struct chat_part *part = chat_parts_push(p->arena, parts, CHAT_PART_RAW);
	for (size_t i = 0; i < sizeof block_kinds / sizeof *block_kinds; i++) {
		const struct block_kind *kind = &block_kinds[i];
		if (!slice_is(type, kind->type)) {
			continue;
		}
		part->kind = kind->kind;
		read_cache(p, block, &part->cache);
		keep_unknown(p, block, "", kind->fields, &part->ext);
		/* A nested list may grow `parts`' neighbour lists, never this one: part stays
		 * valid. */
		return kind->read(p, block, part);
	}
	read_raw_block(p, block, type, part);
	return true;
}

static bool read_blocks(
	struct parser *p, const struct json *content, struct chat_parts *parts, bool *is_string) {
	*is_string = json_is(content, JSON_STRING);
	if (*is_string) {
		/* AC-1: a string is one text block. */
		chat_parts_push(p->arena, parts, CHAT_PART_TEXT)->text =
			json_string(content, p->arena);
		return true;
	}
	if (!json_is(content, JSON_ARRAY)) {
		return refuse(p, "content", "Input should be a valid string or list of blocks");
	}
	const char *outer = p->path;
	size_t index = 0;
	json_each (block, content) {
		p->path = arena_printf(
			p->arena, "%s%scontent.%zu", outer ? outer : "", outer ? "." : "", index++)
				  .data;
		if (!read_block(p, block, parts)) {
			return false;
		}
	}
	p->path = outer;
	return true;
}

/* ---- messages ---- */

/* AC-2: the results of a user message become a tool message, the rest a user message after it. */
static void split_results(
	struct parser *p, const struct chat_parts *parts, bool is_string, struct chat_exts ext) {
	struct chat_message *results = NULL, *rest = NULL;
	for (size_t i = 0; i < parts->len; i++) {
		if (parts->items[i].kind == CHAT_PART_TOOL_RESULT) {
			if (!results) {
				results = chat_request_push(p->request, CHAT_ROLE_TOOL);
			}
			*ARENA_PUSH(p->arena, &results->parts) = parts->items[i];
		}
	}
	for (size_t i = 0; i < parts->len; i++) {
		if (parts->items[i].kind != CHAT_PART_TOOL_RESULT) {
			if (!rest) {
				rest = chat_request_push(p->request, CHAT_ROLE_USER);
				rest->has_string_content = is_string;
				rest->ext = ext;
			}
			*ARENA_PUSH(p->arena, &rest->parts) = parts->items[i];
		}
	}
	if (!results && !rest) {
		chat_request_push(p->request, CHAT_ROLE_USER)->ext = ext;
	}
}

static bool read_message(struct parser *p, const struct json *json) {
	static const char *const fields[] = {"role", "content", NULL};
	if (!json_is(json, JSON_OBJECT)) {
		return refuse(p, "", "Input should be a valid dictionary");
	}
	const struct json *role = json_get(json, "role");
	struct chat_parts parts = {0};
	struct chat_exts ext = {0};
	bool is_string = false;
	if (!json_get(json, "content")) {
		return refuse(p, "content", "Field required");
	}
	if (!read_blocks(p, json_get(json, "content"), &parts, &is_string)) {
		return false;
	}
	keep_unknown(p, json, "", fields, &ext);
	if (json_string_is(role, "user")) {
		split_results(p, &parts, is_string, ext);
		return true;
	}
	struct chat_message *message;
	if (json_string_is(role, "assistant")) {
		message = chat_request_push(p->request, CHAT_ROLE_ASSISTANT);
	} else if (json_string_is(role, "system")) {
		message = chat_request_push(p->request, CHAT_ROLE_SYSTEM);
	} else {
		return refuse(p, "role", "Input should be 'user', 'assistant' or 'system'");
	}
	message->parts = parts;
	message->has_string_content = is_string;
	message->ext = ext;
	return true;
}

static bool read_messages(struct parser *p, const struct json *value) {
	if (!json_is(value, JSON_ARRAY)) {
		return refuse(p, "messages", "Input should be a valid list");
	}
	size_t index = 0;
	json_each (message, value) {
		p->path = arena_printf(p->arena, "messages.%zu", index++).data;
		if (!read_message(p, message)) {
			return false;
		}
	}
	p->path = NULL;
	return index > 0 || refuse(p, "messages", "at least one message is required");
}

static bool read_system(struct parser *p, const struct json *value) {
	p->path = "system";
	bool ok = read_blocks(p, value, &p->request->system, &p->request->system_is_string);
	p->path = NULL;
	for (size_t i = 0; ok && i < p->request->system.len; i++) {
		if (p->request->system.items[i].kind != CHAT_PART_TEXT) {
			return refuse(p, "system", "only text blocks are allowed");
		}
	}
	return ok;
}

/* ---- tools ---- */

static bool read_tool(struct parser *p, const struct json *json) {
	static const char *const fields[] = {
		"type", "name", "description", "input_schema", "strict", "cache_control", NULL};
	if (!json_is(json, JSON_OBJECT)) {
		return refuse(p, "", "Input should be a valid dictionary");
	}
	struct chat_tool *tool = chat_request_push_tool(p->request);
	tool->provider = FORMAT_ANTHROPIC;
	tool->raw = json_raw(json);
	read_cache(p, json, &tool->cache);
	tool->name = json_string(json_get(json, "name"), p->arena);
	const struct json *type = json_get_value(json, "type");
	if (type && !json_string_is(type, "custom")) {
		tool->kind = CHAT_TOOL_SERVER;
		tool->builtin = parse_builtin(json_string(type, p->arena));
		return read_string(p, "type", type, &tool->server_type);
	}
	tool->kind = CHAT_TOOL_FUNCTION;
	tool->description = json_string(json_get_value(json, "description"), p->arena);
	const struct json *schema = json_get_value(json, "input_schema");
	if (schema && !json_is(schema, JSON_OBJECT)) {
		return refuse(p, "input_schema", "Input should be a valid dictionary");
	}
	tool->schema = schema ? json_raw(schema) : (struct slice){0};
	bool strict;
	if (json_bool(json_get(json, "strict"), &strict)) {
		tool->strict = strict ? TRI_TRUE : TRI_FALSE;
	}
	keep_unknown(p, json, "", fields, &tool->ext);
	return tool->name.data || refuse(p, "name", "Field required");
}

static bool read_tools(struct parser *p, const struct json *value) {
	if (!json_is(value, JSON_ARRAY)) {
		return refuse(p, "tools", "Input should be a valid list");
	}
	if (value->count > MAX_TOOLS) {
		return refuse(p, "tools", "List should have at most 10000 items");
	}
	size_t index = 0;
	json_each (tool, value) {
		p->path = arena_printf(p->arena, "tools.%zu", index++).data;
		if (!read_tool(p, tool)) {
			return false;
		}
	}
	p->path = NULL;
	return true;
}

static bool read_tool_choice(struct parser *p, const struct json *value) {
	static const struct {
		const char *type;
		enum chat_tool_choice_mode mode;
	} modes[] = {
		{"auto", CHAT_TOOL_CHOICE_AUTO},
		{"any", CHAT_TOOL_CHOICE_REQUIRED},
		{"tool", CHAT_TOOL_CHOICE_NAMED},
		{"none", CHAT_TOOL_CHOICE_NONE},
	};
	struct chat_tool_choice *choice = &p->request->tool_choice;
	const struct json *type = json_get(value, "type");
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		if (json_string_is(type, modes[i].type)) {
			choice->mode = modes[i].mode;
		}
	}
	if (choice->mode == CHAT_TOOL_CHOICE_UNSET) {
		return refuse(
			p, "tool_choice.type", "Input should be 'auto', 'any', 'tool' or 'none'");
	}
	if (choice->mode == CHAT_TOOL_CHOICE_NAMED &&
		!read_string(p, "tool_choice.name", json_get(value, "name"), &choice->name)) {
		return false;
	}
	bool disabled;
	if (json_bool(json_get(value, "disable_parallel_tool_use"), &disabled)) {
		p->request->parallel_tool_calls = disabled ? TRI_FALSE : TRI_TRUE;
	}
	return true;
}

/* ---- thinking and output ---- */

static bool read_thinking_config(struct parser *p, const struct json *value) {
	static const char *const fields[] = {"type", "budget_tokens", "display", NULL};
	static const struct {
		const char *type;
		enum chat_reasoning_mode mode;
	} modes[] = {
		{"enabled", CHAT_REASONING_ON},
		{"adaptive", CHAT_REASONING_ADAPTIVE},
		{"disabled", CHAT_REASONING_OFF},
		{"between_tools", CHAT_REASONING_BETWEEN_TOOLS},
	};
	struct chat_reasoning *reasoning = &p->request->reasoning;
	const struct json *type = json_get(value, "type");
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		if (json_string_is(type, modes[i].type)) {
			reasoning->mode = modes[i].mode;
		}
	}
	if (reasoning->mode == CHAT_REASONING_UNSET) {
		return refuse(p, "thinking.type",
			"Input should be 'enabled', 'adaptive', 'disabled' or 'between_tools'");
	}
	reasoning->display = json_string(json_get_value(value, "display"), p->arena);
	keep_unknown(p, value, "thinking.", fields, &p->request->ext);
	const struct json *budget = json_get_value(value, "budget_tokens");
	if (!budget) {
		return reasoning->mode != CHAT_REASONING_ON ||
		       refuse(p, "thinking.budget_tokens", "Field required");
	}
	reasoning->has_budget = true;
	return read_int(p, "thinking.budget_tokens", budget, &reasoning->budget_tokens);
}

static bool read_output_format(struct parser *p, const struct json *value) {
	static const char *const fields[] = {"type", "schema", NULL};
	struct chat_response_format *format = &p->request->response_format;
	const struct json *schema = json_get(value, "schema");
	if (!json_string_is(json_get(value, "type"), "json_schema") ||
		!json_is(schema, JSON_OBJECT)) {
		return refuse(p, "output_config.format",
			"Input should be {type: 'json_schema', schema: {...}}");
	}
	format->is_set = true;
	format->kind = CHAT_RESPONSE_JSON_SCHEMA;
	format->schema = json_raw(schema);
	keep_unknown(p, value, "output_config.format.", fields, &p->request->ext);
	return true;
}

static bool read_output_config(struct parser *p, const struct json *value) {
	static const char *const fields[] = {"effort", "format", NULL};
	if (!json_is(value, JSON_OBJECT)) {
		return refuse(p, "output_config", "Input should be a valid dictionary");
	}
	const struct json *effort = json_get_value(value, "effort");
	if (effort &&
		!read_string(p, "output_config.effort", effort, &p->request->reasoning.effort)) {
		return false;
	}
	keep_unknown(p, value, "output_config.", fields, &p->request->ext);
	const struct json *format = json_get_value(value, "format");
	return !format || read_output_format(p, format);
}

/* ---- the top level ---- */

static bool read_model(struct parser *p, const struct json *value) {
	return read_string(p, "model", value, &p->request->model);
}

static bool read_max_tokens(struct parser *p, const struct json *value) {
	p->request->has_max_output_tokens = true;
	if (!read_int(p, "max_tokens", value, &p->request->max_output_tokens)) {
		return false;
	}
	/* E-85: 0 is legal here (cache warm-up). */
	return p->request->max_output_tokens >= 0 ||
	       refuse(p, "max_tokens", "Input should be greater than or equal to 0");
}

static bool read_stream(struct parser *p, const struct json *value) {
	return read_bool(p, "stream", value, &p->request->stream);
}

static bool read_stop(struct parser *p, const struct json *value) {
	if (!json_is(value, JSON_ARRAY)) {
		return refuse(p, "stop_sequences", "Input should be a valid list");
	}
	struct chat_request *request = p->request;
	request->stop = ARENA_ARRAY(p->arena, struct slice, value->count + 1);
	json_each (item, value) {
		if (!read_string(p, "stop_sequences", item, &request->stop[request->stop_count])) {
			return false;
		}
		request->stop_count++;
	}
	return true;
}

static bool read_temperature(struct parser *p, const struct json *value) {
	return read_number(p, "temperature", value, &p->request->temperature);
}

static bool read_top_p(struct parser *p, const struct json *value) {
	return read_number(p, "top_p", value, &p->request->top_p);
}

static bool read_top_k(struct parser *p, const struct json *value) {
	return read_number(p, "top_k", value, &p->request->top_k);
}

static bool read_metadata(struct parser *p, const struct json *value) {
	if (!json_is(value, JSON_OBJECT)) {
		return refuse(p, "metadata", "Input should be a valid dictionary");
	}
	p->request->metadata = json_raw(value);
	p->request->end_user_id = json_string(json_get_value(value, "user_id"), p->arena);
	return true;
}

static bool read_service_tier(struct parser *p, const struct json *value) {
	return read_string(p, "service_tier", value, &p->request->service_tier);
}

static bool add_beta(struct parser *p, struct slice beta) {
	struct chat_request *request = p->request;
	if (request->beta_count == MAX_BETAS) {
		return refuse(p, "betas", "List should have at most 128 items");
	}
	for (size_t i = 0; i < request->beta_count; i++) {
		if (slice_eq(request->betas[i], beta)) {
			return true;
		}
	}
	struct slice *longer = ARENA_ARRAY(p->arena, struct slice, request->beta_count + 1);
	for (size_t i = 0; i < request->beta_count; i++) {
		longer[i] = request->betas[i];
	}
	longer[request->beta_count++] = beta;
	request->betas = longer;
	return true;
}

static bool read_betas(struct parser *p, const struct json *value) {
	if (!json_is(value, JSON_ARRAY)) {
		return refuse(p, "betas", "Input should be a valid list");
	}
	json_each (item, value) {
		struct slice beta;
		if (!read_string(p, "betas", item, &beta)) {
			return false;
		}
		if (!add_beta(p, beta)) {
			return false;
		}
	}
	return true;
}

static const struct {
	const char *name;
	bool (*read)(struct parser *p, const struct json *value);
} fields[] = {
	{"model", read_model},
	{"max_tokens", read_max_tokens},
	{"messages", read_messages},
	{"system", read_system},
	{"stop_sequences", read_stop},
	{"temperature", read_temperature},
	{"top_p", read_top_p},
	{"top_k", read_top_k},
	{"stream", read_stream},
	{"tools", read_tools},
	{"tool_choice", read_tool_choice},
	{"thinking", read_thinking_config},
	{"output_config", read_output_config},
	{"output_format", read_output_format},
	{"metadata", read_metadata},
	{"service_tier", read_service_tier},
	{"betas", read_betas},
};

/* RT-5: a comma list, and it may be repeated. */
static bool read_beta_headers(struct parser *p) {
	if (!p->in->headers) {
		return true;
	}
	for (size_t i = 0; i < p->in->headers->len; i++) {
		if (!slice_ieq(p->in->headers->items[i].name, SLICE("anthropic-beta"))) {
			continue;
		}
		struct slice rest = p->in->headers->items[i].value, beta;
		while (slice_split(&rest, ',', &beta)) {
			beta = slice_trim(beta);
			if (beta.len > 0 && !add_beta(p, beta)) {
				return false;
			}
		}
	}
	return true;
}

bool anthropic_parse_request(
	const struct format_parse *parse, struct chat_request *request, struct error *error) {
	struct parser p = {.in = parse, .request = request, .arena = parse->arena, .error = error};
	*request = (struct chat_request){
		.client_format = FORMAT_ANTHROPIC,
		.op = parse->op,
		.arena = parse->arena,
		.body = parse->body,
		.tree = parse->tree,
		.system_role = CHAT_ROLE_SYSTEM,
	};
	/* The last of duplicate keys wins (E-81): fields are looked up by name, in the table's
	 * order. */
	const char *known[sizeof fields / sizeof *fields + 1] = {0};
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		known[i] = fields[i].name;
		const struct json *value = json_get_value(parse->tree, fields[i].name);
		if (value && !fields[i].read(&p, value)) {
			return false;
		}
	}
	keep_unknown(&p, parse->tree, "", known, &request->ext);
	if (!read_beta_headers(&p)) {
		return false;
	}
	if (!request->model.data) {
		return refuse(&p, "model", "Field required");
	}
	if (request->messages.len == 0) {
		return refuse(&p, "messages", "Field required");
	}
	if (!request->has_max_output_tokens && request->op == CHAT_OP_CHAT) {
		return refuse(&p, "max_tokens", "Field required");
	}
	return true;
}
