/* openai_responses_parse_tools.c: tools and tool_choice of Responses requests (RS-5..RS-7). An
 * unknown type of tool is one that some provider runs, never an error (RS-27). */
#include "formats/openai_responses_parse.h"

struct slice openai_responses_flat_name(
	struct arena *arena, struct slice namespace_name, struct slice name) {
	return namespace_name.len > 0 ? arena_printf(arena, "%.*s__%.*s", SLICE_FMT(namespace_name),
						SLICE_FMT(name))
				      : name;
}

struct slice openai_responses_inner_name(struct slice namespace_name, struct slice flat_name) {
	return namespace_name.len > 0 ? slice_from(flat_name, namespace_name.len + 2) : flat_name;
}

static bool refuse_tool(struct openai_responses_parser *p, const char *what) {
	return error_set_param(p->error, ERROR_INVALID_REQUEST, "tools", "'tools' holds %s", what);
}

/* IR-1: what only this dialect knows of a function (defer_loading, output_schema ...). */
static void keep_rest(
	struct openai_responses_parser *p, const struct json *function, struct chat_tool *tool) {
	static const char *const known[] = {
		"type", "name", "description", "parameters", "strict", "function"};
	json_each (member, function) {
		bool is_known = member->type == JSON_NULL;
		for (size_t i = 0; i < sizeof known / sizeof *known && !is_known; i++) {
			is_known = json_key_is(member, known[i]);
		}
		if (!is_known) {
			chat_ext_add(p->arena, &tool->ext, FORMAT_OPENAI_RESPONSES,
				json_key(member, p->arena), json_raw(member));
		}
	}
}

static bool read_function(struct openai_responses_parser *p, const struct json *item,
	struct slice namespace_name, struct chat_tool *tool) {
	const struct json *nested = json_get_value(item, "function"); /* cc's shape, by mistake */
	const struct json *body = json_is(nested, JSON_OBJECT) ? nested : item;
	const struct json *schema = json_get_value(body, "parameters");
	const struct json *strict = json_get_value(body, "strict");
	struct slice name = json_string(json_get(body, "name"), p->arena);
	if (name.len == 0) {
		return refuse_tool(p, "a function without a name");
	}
	if (schema != NULL && !json_is(schema, JSON_OBJECT)) {
		return parse_refuse(p->error, "tools.parameters", schema, "an object");
	}
	keep_rest(p, body, tool);
	tool->kind = CHAT_TOOL_FUNCTION;
	tool->name = openai_responses_flat_name(p->arena, namespace_name, name);
	tool->description = json_string(json_get_value(body, "description"), p->arena);
	tool->schema = schema ? json_raw(schema)
			      : SLICE("{\"type\":\"object\",\"properties\":{}}"); /* E-92 */
	return strict == NULL || parse_flag(p->error, strict, "tools.strict", &tool->strict);
}

static bool read_custom(struct openai_responses_parser *p, const struct json *item,
	struct slice namespace_name, struct chat_tool *tool) {
	struct slice name = json_string(json_get(item, "name"), p->arena);
	if (name.len == 0) {
		return refuse_tool(p, "a custom tool without a name");
	}
	tool->kind = CHAT_TOOL_CUSTOM;
	tool->name = openai_responses_flat_name(p->arena, namespace_name, name);
	tool->description = json_string(json_get_value(item, "description"), p->arena);
	tool->custom_format = json_raw(json_get_value(item, "format"));
	return true;
}

/* A shell in a container of the provider's is not the client's to run. */
static bool is_run_by_provider(const struct json *item) {
	const struct json *type = json_get(json_get_value(item, "environment"), "type");
	return json_is(type, JSON_STRING) && !json_string_is(type, "local");
}

static void read_typed(
	struct openai_responses_parser *p, const struct json *item, struct chat_tool *tool) {
	const struct openai_responses_client_tool *special =
		openai_responses_client_tool(tool->server_type);
	tool->name = tool->server_type;
	if (special != NULL && !is_run_by_provider(item)) {
		tool->kind = CHAT_TOOL_FUNCTION;
		tool->description = slice_of(special->description);
		tool->schema = special->schema;
		return;
	}
	tool->kind = CHAT_TOOL_SERVER;
	tool->builtin = parse_builtin(tool->server_type);
	(void)p;
}

static bool read_tool(struct openai_responses_parser *p, const struct json *item,
	struct slice namespace_name, struct slice raw) {
	struct slice type = json_string(json_get(item, "type"), p->arena);
	if (!json_is(item, JSON_OBJECT)) {
		return parse_refuse(p->error, "tools", item, "a list of objects");
	}
	if (type.len == 0) {
		return refuse_tool(p, "a tool without a type");
	}
	if (p->request->tools.len >= OPENAI_RESPONSES_MAX_TOOLS) {
		return refuse_tool(p, "more than 10000 tools");
	}
	struct chat_tool *tool = chat_request_push_tool(p->request);
	tool->provider = FORMAT_OPENAI_RESPONSES;
	tool->raw = raw;
	tool->namespace_name = namespace_name;
	if (slice_is(type, "function")) {
		return read_function(p, item, namespace_name, tool);
	}
	if (slice_is(type, "custom")) {
		return read_custom(p, item, namespace_name, tool);
	}
	tool->server_type = type;
	read_typed(p, item, tool);
	return true;
}

/* RS-5: each of its tools, under a flat name; all keep the bytes of the whole namespace. */
static bool read_namespace(struct openai_responses_parser *p, const struct json *item) {
	struct slice name = json_string(json_get(item, "name"), p->arena);
	if (name.len == 0) {
		return refuse_tool(p, "a namespace without a name");
	}
	json_each (tool, json_get_value(item, "tools")) {
		if (!read_tool(p, tool, name, json_raw(item))) {
			return false;
		}
	}
	return true;
}

bool openai_responses_parse_tools(struct openai_responses_parser *p, const struct json *node) {
	if (!json_is(node, JSON_ARRAY)) {
		return parse_refuse(p->error, "tools", node, "a list");
	}
	json_each (item, node) {
		bool is_namespace = json_string_is(json_get(item, "type"), "namespace");
		bool ok = is_namespace ? read_namespace(p, item)
				       : read_tool(p, item, (struct slice){0}, json_raw(item));
		if (!ok) {
			return false;
		}
	}
	return true;
}

/* ---- tool choice (RS-6, 4.3) ---- */

static const struct {
	const char *word;
	enum chat_tool_choice_mode mode;
} choice_words[] = {
	{"auto", CHAT_TOOL_CHOICE_AUTO},
	{"none", CHAT_TOOL_CHOICE_NONE},
	{"required", CHAT_TOOL_CHOICE_REQUIRED},
};

static struct slice chosen_name(struct openai_responses_parser *p, const struct json *item) {
	const struct json *name = json_get_value(item, "name");
	const struct json *nested = json_get(json_get_value(item, "function"), "name");
	name = name ? name : nested;
	struct slice space = json_string(json_get_value(item, "namespace"), p->arena);
	return name ? openai_responses_flat_name(p->arena, space, json_string(name, p->arena))
		    : json_string(json_get(item, "type"), p->arena);
}

static bool choose_allowed(struct openai_responses_parser *p, const struct json *node) {
	struct chat_tool_choice *choice = &p->request->tool_choice;
	const struct json *tools = json_get_value(node, "tools");
	if (!json_is(tools, JSON_ARRAY)) {
		return error_set_param(p->error, ERROR_INVALID_REQUEST, "tool_choice",
			"'tool_choice' of type allowed_tools must list its tools");
	}
	choice->mode = CHAT_TOOL_CHOICE_ALLOWED;
	choice->allowed_required = json_string_is(json_get(node, "mode"), "required");
	choice->allowed = ARENA_ARRAY(p->arena, struct slice, tools->count + 1);
	json_each (item, tools) {
		choice->allowed[choice->allowed_count++] = chosen_name(p, item);
	}
	return true;
}

static bool choose_named(struct openai_responses_parser *p, const struct json *node) {
	struct chat_tool_choice *choice = &p->request->tool_choice;
	const struct json *type = json_get(node, "type");
	if (!json_is(type, JSON_STRING)) {
		return parse_refuse(
			p->error, "tool_choice", node, "a word or an object with a type");
	}
	const struct chat_tool *tool = chat_request_find_tool(p->request, chosen_name(p, node));
	if (tool != NULL) {
		choice->mode = CHAT_TOOL_CHOICE_NAMED;
		choice->name = tool->name;
		choice->kind = tool->kind;
		return true;
	}
	if (json_string_is(type, "function") || json_string_is(type, "custom")) {
		return error_set_param(p->error, ERROR_INVALID_REQUEST, "tool_choice",
			"'tool_choice' names the tool '%.*s', which is not in 'tools'",
			SLICE_FMT(slice_sub(chosen_name(p, node), 0, 64)));
	}
	/* a tool inside of a server (mcp), or a type under another name: the provider knows */
	chat_ext_add(p->arena, &p->request->ext, FORMAT_OPENAI_RESPONSES, SLICE("tool_choice"),
		json_raw(node));
	return true;
}

bool openai_responses_parse_tool_choice(
	struct openai_responses_parser *p, const struct json *node) {
	for (size_t i = 0; i < sizeof choice_words / sizeof *choice_words; i++) {
		if (json_string_is(node, choice_words[i].word)) {
			p->request->tool_choice.mode = choice_words[i].mode;
			return true;
		}
	}
	return json_string_is(json_get(node, "type"), "allowed_tools") ? choose_allowed(p, node)
								       : choose_named(p, node);
}
