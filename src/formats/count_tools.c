/* count_tools.c: what tools and structured output cost: as declarations in a namespace for the
 * families that were trained on them (TC-3), as JSON for the others (TC-5). */
#include "formats/count_internal.h"

/* Schemas nest deeper only to be a nuisance. */
#define NAMESPACE_MAX_DEPTH 32
/* A list of types repeats the properties for each: beyond this many times the schema is enough. */
#define NAMESPACE_MAX_GROWTH 16
/* The keys and brackets of a tool told as JSON. */
#define JSON_TOOL_TOKENS 14
#define NAMED_CHOICE_TOKENS 4

struct namespace {
	struct buf *out;
	struct arena arena;
	size_t limit; /* of out->len: types behind it are "any" */
};

static void write_type(struct namespace *ns, const struct json *schema, int indent);

static void write_joined(
	struct namespace *ns, const struct json *list, int indent, bool are_types) {
	json_each (item, list) {
		buf_append_str(ns->out, item == json_first(list) ? "" : " | ");
		if (are_types) {
			write_type(ns, item, indent);
		} else {
			buf_append(ns->out, json_raw(item));
		}
	}
}

static bool is_required(const struct json *schema, const struct json *property) {
	json_each (name, json_get(schema, "required")) {
		if (slice_eq(json_string_raw(name), slice_make(property->key, property->key_len))) {
			return true;
		}
	}
	return false;
}

static void write_comment(struct namespace *ns, const struct json *schema, int indent) {
	struct slice text = json_string(json_get(schema, "description"), &ns->arena);
	if (text.len > 0) {
		buf_printf(ns->out, "%*s// ", indent, "");
		buf_append(ns->out, text);
		buf_append_byte(ns->out, '\n');
	}
}

/* Comments of properties stand at the first level alone. */
static void write_properties(struct namespace *ns, const struct json *schema, int indent) {
	json_each (property, json_get(schema, "properties")) {
		if (indent == 0) {
			write_comment(ns, property, indent);
		}
		buf_printf(ns->out, "%*s", indent, "");
		buf_append(ns->out, json_key(property, &ns->arena));
		buf_append_str(ns->out, is_required(schema, property) ? ": " : "?: ");
		write_type(ns, property, indent);
		buf_append_str(ns->out, ",\n");
	}
}

static void write_object(struct namespace *ns, const struct json *schema, int indent) {
	if (!json_first(json_get(schema, "properties"))) {
		buf_append_str(ns->out, "object");
		return;
	}
	buf_append_str(ns->out, "{\n");
	write_properties(ns, schema, indent + 2);
	buf_printf(ns->out, "%*s}", indent, "");
}

static void write_named_type(
	struct namespace *ns, const struct json *schema, const struct json *type, int indent) {
	static const char *const words[][2] = {{"string", "string"}, {"number", "number"},
		{"integer", "number"}, {"boolean", "boolean"}, {"null", "null"}};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (json_string_is(type, words[i][0])) {
			buf_append_str(ns->out, words[i][1]);
			return;
		}
	}
	if (json_string_is(type, "array")) {
		write_type(ns, json_get(schema, "items"), indent);
		buf_append_str(ns->out, "[]");
	} else if (json_string_is(type, "object")) {
		write_object(ns, schema, indent);
	} else {
		buf_append_str(ns->out, "any");
	}
}

static void write_type(struct namespace *ns, const struct json *schema, int indent) {
	static const char *const unions[] = {"anyOf", "oneOf", "allOf"};
	if (indent > 2 * NAMESPACE_MAX_DEPTH || ns->out->len > ns->limit) {
		buf_append_str(ns->out, "any");
		return;
	}
	const struct json *choices = json_get(schema, "enum");
	if (json_first(choices)) {
		write_joined(ns, choices, indent, false);
		return;
	}
	for (size_t i = 0; i < sizeof unions / sizeof *unions; i++) {
		if (json_first(json_get(schema, unions[i]))) {
			/* One deeper, so that unions of unions end too. */
			write_joined(ns, json_get(schema, unions[i]), indent + 1, true);
			return;
		}
	}
	const struct json *type = json_get(schema, "type");
	if (json_is(type, JSON_ARRAY)) {
		json_each (word, type) {
			buf_append_str(ns->out, word == json_first(type) ? "" : " | ");
			write_named_type(ns, schema, word, indent + 1);
		}
		return;
	}
	write_named_type(ns, schema, type, indent);
}

static void write_tool(struct namespace *ns, const struct chat_tool *tool) {
	const struct json *schema =
		tool->schema.data ? json_parse(&ns->arena, tool->schema, NULL, NULL) : NULL;
	ns->limit = ns->out->len + tool->description.len + NAMESPACE_MAX_GROWTH * tool->schema.len;
	if (tool->description.len > 0) {
		buf_append_str(ns->out, "// ");
		buf_append(ns->out, tool->description);
		buf_append_byte(ns->out, '\n');
	}
	buf_append_str(ns->out, "type ");
	buf_append(ns->out, tool->name);
	if (json_first(json_get(schema, "properties"))) {
		buf_append_str(ns->out, " = (_: {\n");
		write_properties(ns, schema, 0);
		buf_append_str(ns->out, "}) => any;\n\n");
	} else {
		buf_append_str(ns->out, " = () => any;\n\n");
	}
	/* What is referred to is told somewhere too. */
	const struct json *definitions = json_get(schema, "$defs");
	definitions = definitions ? definitions : json_get(schema, "definitions");
	if (definitions) {
		buf_append(ns->out, json_raw(definitions));
	}
}

void count_write_namespace(const struct chat_request *request, struct buf *out) {
	struct namespace ns = {.out = out};
	arena_init(&ns.arena, NULL, 0);
	buf_append_str(out, "namespace functions {\n\n");
	for (size_t i = 0; i < request->tools.len; i++) {
		if (request->tools.items[i].kind != CHAT_TOOL_SERVER) {
			write_tool(&ns, &request->tools.items[i]);
		}
	}
	buf_append_str(out, "} // namespace functions");
	arena_finish(&ns.arena);
}

/* ---- structured output ---- */

/* The schema without white space and titles: "title" as a keyword, not as the name of a property.
 */
static void write_schema(struct json_writer *w, const struct json *node, bool are_names) {
	if (node->type == JSON_ARRAY) {
		json_begin_array(w);
		json_each (item, node) {
			write_schema(w, item, false);
		}
		json_end_array(w);
		return;
	}
	if (node->type != JSON_OBJECT) {
		json_write_node(w, node);
		return;
	}
	json_begin_object(w);
	json_each (member, node) {
		if (!are_names && json_key_is(member, "title") && json_is(member, JSON_STRING)) {
			continue;
		}
		json_write_key_slice(w, slice_make(member->key, member->key_len));
		write_schema(w, member,
			!are_names && (json_key_is(member, "properties") ||
					      json_key_is(member, "$defs")));
	}
	json_end_object(w);
}

static void visit_schema(struct count_visit *visit) {
	const struct chat_response_format *format = &visit->request->response_format;
	struct arena arena;
	struct json_writer w;
	struct buf text = {0};
	arena_init(&arena, NULL, 0);
	const struct json *schema = json_parse(&arena, format->schema, NULL, NULL);
	json_writer_init(&w, &text, false);
	if (schema) {
		write_schema(&w, schema, false);
	}
	visit->fixed += visit->model->layout->schema_prompt;
	visit->on_text(visit, format->name);
	visit->on_text(visit, format->description);
	visit->on_text(visit, schema ? buf_slice(&text) : format->schema);
	buf_finish(&text);
	arena_finish(&arena);
}

/* ---- the whole ---- */

/* Prompts of tools that the provider runs: published or measured ones. */
static int64_t server_tool_tokens(const struct chat_tool *tool) {
	static const struct {
		const char *prefix;
		int64_t tokens;
	} prompts[] = {{"web_search", 2100}, {"web_fetch", 2100}, {"code_execution", 2200},
		{"tool_search", 700}, {"computer", 735}, {"text_editor", 700}, {"bash", 245}};
	for (size_t i = 0; i < sizeof prompts / sizeof *prompts; i++) {
		if (slice_starts_with(tool->server_type, slice_of(prompts[i].prefix))) {
			return prompts[i].tokens;
		}
	}
	return 0;
}

static void visit_json_tool(struct count_visit *visit, const struct chat_tool *tool) {
	visit->fixed += JSON_TOOL_TOKENS;
	visit->on_text(visit, tool->name);
	visit->on_text(visit, tool->description);
	visit->on_text(visit, tool->schema.data ? tool->schema : tool->custom_format);
}

static size_t visit_each_tool(struct count_visit *visit) {
	const struct chat_request *request = visit->request;
	bool has_namespace = visit->model->layout->has_namespace;
	size_t own = 0;
	for (size_t i = 0; i < request->tools.len; i++) {
		const struct chat_tool *tool = &request->tools.items[i];
		if (tool->kind == CHAT_TOOL_SERVER) {
			visit->fixed += server_tool_tokens(tool);
			visit->on_text(visit, tool->raw);
			continue;
		}
		own++;
		if (!has_namespace) {
			visit_json_tool(visit, tool);
		}
	}
	if (own > 0 && has_namespace) {
		struct buf text = {0};
		count_write_namespace(request, &text);
		visit->on_text(visit, buf_slice(&text));
		buf_finish(&text);
	}
	return own;
}

void count_visit_tools(struct count_visit *visit) {
	const struct chat_request *request = visit->request;
	const struct model_layout *layout = visit->model->layout;
	enum chat_tool_choice_mode choice = request->tool_choice.mode;
	bool has_schema = request->response_format.schema.len > 0 && !layout->is_schema_free;
	if (request->tools.len == 0 && !has_schema) {
		return;
	}
	visit->is_exact = false;
	if (visit_each_tool(visit) > 0) {
		visit->fixed += layout->tools_prompt;
		if (choice == CHAT_TOOL_CHOICE_REQUIRED || choice == CHAT_TOOL_CHOICE_NAMED) {
			visit->fixed += layout->tools_prompt_forced;
		}
		if (choice == CHAT_TOOL_CHOICE_NAMED) {
			visit->fixed += NAMED_CHOICE_TOKENS;
			visit->on_text(visit, request->tool_choice.name);
		}
	}
	if (has_schema) {
		visit_schema(visit);
	}
	if (request->system.len > 0) {
		visit->fixed -= layout->tools_system_credit;
	}
}
