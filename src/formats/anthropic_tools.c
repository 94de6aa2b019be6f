/* anthropic_tools.c: the "tools" and "tool_choice" of a Messages request (formats.md 3.2, 4.3). */
#include "formats/anthropic.h"

#define WEB_SEARCH_NAME "web_search"
#include "formats/formats_internal.h"

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
		schema = FORMAT_CUSTOM_TOOL_SCHEMA;
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
	json_put_cstr(w, "name", WEB_SEARCH_NAME);
	json_end_object(w);
	chat_alter(b->losses, "IR-14", "web_search", "sent as the web_search tool");
}

static bool put_server_tool(
	struct anthropic_build *b, struct json_writer *w, const struct chat_tool *tool) {
	if (tool->provider == FORMAT_ANTHROPIC) {
		json_write_raw(w, tool->raw);
		return true;
	}
	if (tool->builtin == CHAT_BUILTIN_WEB_SEARCH) {
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
	return tool->kind == CHAT_TOOL_SERVER && tool->builtin == CHAT_BUILTIN_WEB_SEARCH;
}

/* cc's web_search_options, unless a tool says the same. */
static bool wants_web_search(const struct anthropic_build *b) {
	bool is_listed = false;
	for (size_t i = 0; i < b->request->tools.len; i++) {
		is_listed |= is_web_search(&b->request->tools.items[i]);
	}
	return b->request->web_search.data && !is_listed;
}

/* E-93: the API's own tool keeps its name, a function that has the same gets another one. */
void anthropic_reserve_names(struct anthropic_build *b) {
	bool has_search = wants_web_search(b);
	for (size_t i = 0; i < b->request->tools.len; i++) {
		has_search |= is_web_search(&b->request->tools.items[i]);
	}
	if (has_search && !b->is_same_format) {
		names_reserve(&b->built->names, b->arena, SLICE(WEB_SEARCH_NAME));
	}
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
			&(struct chat_tool){.name = SLICE(ANTHROPIC_JSON_TOOL),
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

void anthropic_put_tools(struct anthropic_build *b, struct json_writer *w) {
	if (put_tools(b, w) > 0) {
		put_tool_choice(b, w);
	}
}
