/* gemini_tools.c: the "tools" and "toolConfig" of a Gemini request (formats.md 3.3, GM-10..GM-13,
 * 4.3). */
#include "formats/formats_internal.h"
#include "formats/gemini.h"
#include "formats/schema_openapi.h"

const struct name_rule gemini_name_rule = {.extra = "_.:-", .limit = 64};

static struct slice upstream_name(struct gemini_build *b, struct slice name) {
	return names_to_identifier(&b->built->names, b->arena, &gemini_name_rule, name);
}

/* ---- functions ---- */

static void put_schema(
	struct gemini_build *b, struct json_writer *w, const struct chat_tool *tool) {
	bool is_old = model_has(b->target->family, MODEL_WANTS_OPENAPI);
	struct slice schema = is_old ? schema_to_openapi(b->arena, tool->schema, true)
				     : schema_for_gemini(b->arena, tool->schema, true);
	if (schema.data != NULL) {
		json_put_raw(w, is_old ? "parameters" : "parametersJsonSchema", schema);
	}
}

static void put_function(
	struct gemini_build *b, struct json_writer *w, const struct chat_tool *tool) {
	struct slice name = upstream_name(b, tool->name);
	if (b->is_same_format && slice_eq(name, tool->name)) {
		json_write_raw(w, tool->raw);
		return;
	}
	json_begin_object(w);
	json_put_string(w, "name", name);
	if (tool->description.len > 0) {
		json_put_string(w, "description", tool->description);
	}
	if (tool->kind == CHAT_TOOL_CUSTOM) {
		json_put_raw(w, "parametersJsonSchema", FORMAT_CUSTOM_TOOL_SCHEMA);
		chat_alter(b->losses, "E-110", "tools.custom", "sent as a function of one text");
	} else {
		put_schema(b, w, tool);
	}
	if (tool->strict == TRI_TRUE) {
		chat_drop(b->losses, "GM-20", "tools.strict", "functions are not strict here");
	}
	json_end_object(w);
}

/* 4.3: what the API cannot say of an allowed set is said by leaving the others out. */
static bool is_offered(const struct gemini_build *b, const struct chat_tool *tool) {
	if (b->choice.mode != CHAT_TOOL_CHOICE_ALLOWED || b->choice.allowed_required ||
		b->is_same_format) {
		return true;
	}
	for (size_t i = 0; i < b->choice.allowed_count; i++) {
		if (slice_eq(b->choice.allowed[i], tool->name)) {
			return true;
		}
	}
	return false;
}

/* NM-3: of two with one name the first counts. */
static bool is_new(struct gemini_build *b, struct index *seen, const struct chat_tool *tool) {
	struct slice name = upstream_name(b, tool->name);
	if (index_get(seen, name) != INDEX_NONE) {
		chat_drop(b->losses, "NM-3", "tools", "a second tool of the same name");
		return false;
	}
	index_put(seen, b->arena, name, 1);
	return true;
}

static size_t put_functions(struct gemini_build *b, struct json_writer *w) {
	const struct chat_request *r = b->request;
	struct index seen = {0};
	size_t count = 0;
	for (size_t i = 0; i < r->tools.len && !b->drops_functions; i++) {
		const struct chat_tool *tool = &r->tools.items[i];
		if (tool->kind == CHAT_TOOL_SERVER || !is_offered(b, tool) ||
			!is_new(b, &seen, tool)) {
			continue;
		}
		if (count++ == 0) {
			json_begin_object(w);
			json_write_key(w, "functionDeclarations");
			json_begin_array(w);
		}
		put_function(b, w, tool);
	}
	if (count > 0) {
		json_end_array(w);
		json_end_object(w);
	}
	return count;
}

/* ---- tools that Google runs (IR-14) ---- */

static const char *const builtin_names[] = {
	[CHAT_BUILTIN_NONE] = NULL,
	[CHAT_BUILTIN_WEB_SEARCH] = "googleSearch",
	[CHAT_BUILTIN_CODE_EXECUTION] = "codeExecution",
	[CHAT_BUILTIN_URL_FETCH] = "urlContext",
};

static size_t put_builtin(
	struct gemini_build *b, struct json_writer *w, enum chat_builtin builtin) {
	json_begin_object(w);
	json_put_raw(w, builtin_names[builtin], SLICE("{}"));
	json_end_object(w);
	chat_alter(b->losses, "IR-14", "tools", "sent as the tool Google has for it");
	return 1;
}

static size_t put_builtins(struct gemini_build *b, struct json_writer *w) {
	const struct chat_request *r = b->request;
	size_t count = 0;
	bool has[4] = {false};
	if (b->drops_builtins) {
		return 0;
	}
	for (size_t i = 0; i < r->tools.len; i++) {
		const struct chat_tool *tool = &r->tools.items[i];
		if (tool->kind != CHAT_TOOL_SERVER) {
			continue;
		}
		if (tool->provider == FORMAT_GEMINI) {
			json_write_raw(w, tool->raw);
			count++;
		} else if (tool->builtin == CHAT_BUILTIN_NONE) {
			chat_drop(b->losses, "IR-14", "tools", "a server tool of another provider");
		} else if (!has[tool->builtin]) {
			has[tool->builtin] = true;
			count += put_builtin(b, w, tool->builtin);
		}
	}
	if (r->web_search.data != NULL && !has[CHAT_BUILTIN_WEB_SEARCH]) {
		count += put_builtin(b, w, CHAT_BUILTIN_WEB_SEARCH);
	}
	return count;
}

/* ---- toolConfig ---- */

static void put_names(
	struct gemini_build *b, struct json_writer *w, const struct slice *names, size_t count) {
	json_write_key(w, "allowedFunctionNames");
	json_begin_array(w);
	for (size_t i = 0; i < count; i++) {
		if (chat_request_find_tool(b->request, names[i]) != NULL) {
			json_write_string(w, upstream_name(b, names[i]));
		}
	}
	json_end_array(w);
}

static void put_calling(struct gemini_build *b, struct json_writer *w) {
	static const char *const modes[] = {
		[CHAT_TOOL_CHOICE_UNSET] = "AUTO",
		[CHAT_TOOL_CHOICE_AUTO] = "AUTO",
		[CHAT_TOOL_CHOICE_NONE] = "NONE",
		[CHAT_TOOL_CHOICE_REQUIRED] = "ANY",
		[CHAT_TOOL_CHOICE_NAMED] = "ANY",
		[CHAT_TOOL_CHOICE_ALLOWED] = "AUTO",
	};
	const struct chat_tool_choice *choice = &b->choice;
	bool is_required_set = choice->mode == CHAT_TOOL_CHOICE_ALLOWED && choice->allowed_required;
	json_write_key(w, "functionCallingConfig");
	json_begin_object(w);
	json_put_cstr(w, "mode", is_required_set ? "ANY" : modes[choice->mode]);
	if (choice->mode == CHAT_TOOL_CHOICE_NAMED) {
		put_names(b, w, &choice->name, 1);
	} else if (is_required_set) {
		put_names(b, w, choice->allowed, choice->allowed_count);
	}
	json_end_object(w);
}

static void put_tool_config(
	struct gemini_build *b, struct json_writer *w, size_t functions, size_t builtins) {
	struct slice own = chat_ext_get(&b->request->ext, FORMAT_GEMINI, "toolConfig.*");
	if (b->is_same_format && own.data != NULL) {
		json_put_raw(w, "toolConfig", own);
		return;
	}
	bool is_mixed = functions > 0 && builtins > 0;
	bool has_choice = functions > 0 && b->choice.mode != CHAT_TOOL_CHOICE_UNSET;
	if (!is_mixed && !has_choice) {
		return;
	}
	json_write_key(w, "toolConfig");
	json_begin_object(w);
	if (has_choice) {
		put_calling(b, w);
	}
	if (is_mixed) {
		json_put_bool(w, "includeServerSideToolInvocations", true); /* GM-12 */
	}
	json_end_object(w);
}

void gemini_put_tools(struct gemini_build *b, struct json_writer *w) {
	struct buf list;
	struct json_writer tools;
	buf_init(&list, 0);
	json_writer_init(&tools, &list, false);
	json_begin_array(&tools);
	size_t functions = put_functions(b, &tools);
	size_t builtins = put_builtins(b, &tools);
	json_end_array(&tools);
	if (functions + builtins > 0) {
		json_put_raw(w, "tools", arena_dup(b->arena, buf_slice(&list)));
		put_tool_config(b, w, functions, builtins);
	}
	buf_finish(&list);
}
