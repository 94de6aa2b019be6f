/* openai_responses_build_tools.c: tools and tool_choice for Responses upstreams (OR-10, 4.3,
 * IR-14). */
#include "formats/openai_responses_build.h"

/* 4.6 */
static const struct name_rule tool_name_rule = {"_-", 64};

struct slice openai_responses_tool_name(struct openai_responses_builder *b, struct slice name) {
	return names_to_upstream(&b->built->names, b->arena, &tool_name_rule, name);
}

static void put_text(struct openai_responses_builder *b, const char *key, struct slice text) {
	if (text.data != NULL) {
		json_put_string(&b->w, key, text);
	}
}

/* ---- server tools (IR-14) ---- */

static void begin_typed(struct openai_responses_builder *b, const char *type) {
	json_begin_object(&b->w);
	json_put_cstr(&b->w, "type", type);
}

/* cc's web_search_options: the same, but for the place, which is nested there. */
static void put_search_options(struct openai_responses_builder *b, struct slice options) {
	const struct json *tree = json_parse(b->arena, options, NULL, NULL);
	const struct json *size = json_get_value(tree, "search_context_size");
	const struct json *place = json_at(tree, SLICE("/user_location/approximate"));
	if (json_is(size, JSON_STRING)) {
		json_put_raw(&b->w, "search_context_size", json_raw(size));
	}
	if (!json_is(place, JSON_OBJECT)) {
		return;
	}
	json_write_key(&b->w, "user_location");
	json_begin_object(&b->w);
	json_put_cstr(&b->w, "type", "approximate");
	json_each (member, place) {
		json_write_key_slice(&b->w, json_key(member, b->arena));
		json_write_node(&b->w, member);
	}
	json_end_object(&b->w);
}

static void write_web_search(struct openai_responses_builder *b, struct slice options) {
	begin_typed(b, "web_search");
	if (options.data != NULL) {
		put_search_options(b, options);
	}
	json_end_object(&b->w);
}

static bool has_builtin(const struct chat_request *r, enum chat_builtin builtin) {
	for (size_t i = 0; i < r->tools.len; i++) {
		if (r->tools.items[i].builtin == builtin) {
			return true;
		}
	}
	return false;
}

/* ---- which go out ---- */

static bool is_mapped(const struct chat_tool *tool) {
	return tool->builtin == CHAT_BUILTIN_WEB_SEARCH ||
	       tool->builtin == CHAT_BUILTIN_CODE_EXECUTION;
}

/* IR-14; NM-2, NM-3: what has no name, or one that came before, cannot be called. */
static bool is_sent(struct openai_responses_builder *b, const struct chat_tool *tool) {
	if (tool->provider == FORMAT_OPENAI_RESPONSES) {
		return true;
	}
	if (tool->kind == CHAT_TOOL_SERVER) {
		if (!is_mapped(tool)) {
			chat_drop(b->losses, "IR-14", "tools", "a tool that another provider runs");
		}
		return is_mapped(tool);
	}
	if (tool->name.len == 0) {
		chat_drop(b->losses, "NM-2", "tools", "a tool without a name");
		return false;
	}
	if (chat_request_find_tool(b->request, tool->name) != tool) {
		chat_drop(b->losses, "NM-3", "tools", "a second tool of the same name");
		return false;
	}
	return true;
}

/* cc's web_search_options, unless a tool says the same. */
static bool wants_search(const struct openai_responses_builder *b) {
	return b->request->web_search.data != NULL &&
	       !has_builtin(b->request, CHAT_BUILTIN_WEB_SEARCH);
}

static bool sends_tools(struct openai_responses_builder *b) {
	for (size_t i = 0; i < b->request->tools.len; i++) {
		if (is_sent(b, &b->request->tools.items[i])) {
			return true;
		}
	}
	return wants_search(b);
}

/* ---- writing them ---- */

static void write_server(struct openai_responses_builder *b, const struct chat_tool *tool) {
	chat_alter(b->losses, "IR-14", "tools", "a server tool went as this provider's own");
	if (tool->builtin == CHAT_BUILTIN_WEB_SEARCH) {
		write_web_search(b, (struct slice){0});
		return;
	}
	begin_typed(b, "code_interpreter");
	json_put_raw(&b->w, "container", SLICE("{\"type\":\"auto\"}"));
	json_end_object(&b->w);
}

static void write_custom(struct openai_responses_builder *b, const struct chat_tool *tool) {
	const struct json *format = json_parse(b->arena, tool->custom_format, NULL, NULL);
	const struct json *grammar = json_get_value(format, "grammar");
	begin_typed(b, "custom");
	json_put_string(&b->w, "name", openai_responses_tool_name(b, tool->name));
	put_text(b, "description", tool->description);
	if (json_is(grammar, JSON_OBJECT)) { /* cc nests it */
		json_write_key(&b->w, "format");
		begin_typed(b, "grammar");
		json_each (member, grammar) {
			json_write_key_slice(&b->w, json_key(member, b->arena));
			json_write_node(&b->w, member);
		}
		json_end_object(&b->w);
	} else if (json_is(format, JSON_OBJECT)) {
		json_put_raw(&b->w, "format", tool->custom_format);
	}
	json_end_object(&b->w);
}

static void write_function(struct openai_responses_builder *b, const struct chat_tool *tool) {
	begin_typed(b, "function");
	json_put_string(&b->w, "name", openai_responses_tool_name(b, tool->name));
	put_text(b, "description", tool->description);
	json_put_raw(&b->w, "parameters",
		tool->schema.data ? tool->schema
				  : SLICE("{\"type\":\"object\",\"properties\":{}}"));
	/* OR-10, RS-7: absent would have the schema rewritten. A foreign "strict" may rest on other
	 * rules than these, but cc's are the same. */
	bool is_strict =
		tool->strict == TRI_TRUE && b->request->client_format == FORMAT_OPENAI_CHAT;
	json_put_bool(&b->w, "strict", is_strict);
	json_end_object(&b->w);
}

static void write_tool(struct openai_responses_builder *b, const struct chat_tool *tool) {
	if (tool->provider == FORMAT_OPENAI_RESPONSES) {
		json_write_raw(&b->w, tool->raw);
	} else if (tool->kind == CHAT_TOOL_SERVER) {
		write_server(b, tool);
	} else if (tool->kind == CHAT_TOOL_CUSTOM) {
		write_custom(b, tool);
	} else {
		write_function(b, tool);
	}
	if (tool->cache.is_set && !b->is_own) {
		chat_drop(b->losses, "4.10", "tools.cache_control",
			"cache marks are not sent to this upstream");
	}
}

static void write_tools(struct openai_responses_builder *b) {
	const struct chat_request *r = b->request;
	const char *last_raw = NULL;
	json_write_key(&b->w, "tools");
	json_begin_array(&b->w);
	for (size_t i = 0; i < r->tools.len; i++) {
		const struct chat_tool *tool = &r->tools.items[i];
		/* the tools of a namespace share its bytes, which go out once */
		bool is_written = tool->namespace_name.len > 0 && tool->raw.data == last_raw;
		if (!is_written && is_sent(b, tool)) {
			write_tool(b, tool);
			last_raw = tool->raw.data;
		}
	}
	if (wants_search(b)) {
		write_web_search(b, r->web_search);
	}
	json_end_array(&b->w);
}

/* ---- tool choice ---- */

static void write_reference(struct openai_responses_builder *b, struct slice name) {
	const struct chat_tool *tool = chat_request_find_tool(b->request, name);
	bool is_typed = tool != NULL && tool->server_type.len > 0;
	json_begin_object(&b->w);
	if (is_typed && tool->provider != FORMAT_OPENAI_RESPONSES) {
		json_put_cstr(&b->w, "type",
			tool->builtin == CHAT_BUILTIN_WEB_SEARCH ? "web_search"
								 : "code_interpreter");
	} else if (is_typed) {
		json_put_string(&b->w, "type", tool->server_type);
	} else {
		bool is_custom = tool != NULL && tool->kind == CHAT_TOOL_CUSTOM;
		struct slice space = tool ? tool->namespace_name : (struct slice){0};
		json_put_cstr(&b->w, "type", is_custom ? "custom" : "function");
		json_put_string(&b->w, "name",
			b->is_own ? openai_responses_inner_name(space, name)
				  : openai_responses_tool_name(b, name));
		if (space.len > 0) {
			json_put_string(&b->w, "namespace", space);
		}
	}
	json_end_object(&b->w);
}

static void write_allowed(
	struct openai_responses_builder *b, const struct chat_tool_choice *choice) {
	json_begin_object(&b->w);
	json_put_cstr(&b->w, "type", "allowed_tools");
	json_put_cstr(&b->w, "mode", choice->allowed_required ? "required" : "auto");
	json_write_key(&b->w, "tools");
	json_begin_array(&b->w);
	for (size_t i = 0; i < choice->allowed_count; i++) {
		write_reference(b, choice->allowed[i]);
	}
	json_end_array(&b->w);
	json_end_object(&b->w);
}

static void write_named(struct openai_responses_builder *b, const struct chat_tool_choice *choice) {
	const struct chat_tool *tool = chat_request_find_tool(b->request, choice->name);
	if (tool == NULL || !is_sent(b, tool)) {
		openai_responses_reject(b, "tool_choice",
			"the tool that is forced does not exist at this upstream");
		return;
	}
	write_reference(b, choice->name);
}

static void write_choice(struct openai_responses_builder *b) {
	static const char *const words[] = {[CHAT_TOOL_CHOICE_AUTO] = "auto",
		[CHAT_TOOL_CHOICE_NONE] = "none",
		[CHAT_TOOL_CHOICE_REQUIRED] = "required"};
	const struct chat_tool_choice *choice = &b->request->tool_choice;
	struct slice own = chat_ext_get(&b->request->ext, FORMAT_OPENAI_RESPONSES, "tool_choice");
	if (choice->mode != CHAT_TOOL_CHOICE_UNSET) {
		json_write_key(&b->w, "tool_choice");
	}
	switch (choice->mode) {
	case CHAT_TOOL_CHOICE_UNSET:
		if (own.data != NULL) {
			json_put_raw(&b->w, "tool_choice", own);
		}
		break;
	case CHAT_TOOL_CHOICE_NAMED:
		write_named(b, choice);
		break;
	case CHAT_TOOL_CHOICE_ALLOWED:
		write_allowed(b, choice);
		break;
	default:
		json_write_cstr(&b->w, words[choice->mode]);
		break;
	}
}

void openai_responses_build_tools(struct openai_responses_builder *b) {
	const struct chat_request *r = b->request;
	if (!sends_tools(b)) {
		if (r->tool_choice.mode == CHAT_TOOL_CHOICE_NAMED) {
			openai_responses_reject(b, "tool_choice",
				"the tool that is forced does not exist at this upstream");
		} else if (r->tool_choice.mode != CHAT_TOOL_CHOICE_UNSET) {
			chat_drop(b->losses, "OC-11", "tool_choice",
				"there are no tools to choose from");
		}
		return;
	}
	write_tools(b);
	write_choice(b);
	if (r->parallel_tool_calls != TRI_UNSET) {
		json_put_bool(&b->w, "parallel_tool_calls", r->parallel_tool_calls == TRI_TRUE);
	}
}
