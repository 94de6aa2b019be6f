/* openai_responses_codex.c: what the ChatGPT flavour of this dialect takes of a body: members are
 * left out, added and replaced; all other bytes stay (OR-20..OR-22). */
#include "formats/openai_responses_build.h"

#define ENCRYPTED_REASONING "reasoning.encrypted_content"

/* OR-21: a 400 each. What is written anew stands here too. */
static const char *const left_out[] = {"model", "stream", "store", "instructions", "input",
	"include", "max_output_tokens", "temperature", "top_p", "user", "metadata", "truncation",
	"prompt_cache_retention", "prompt_cache_options", "safety_identifier", "stream_options",
	"previous_response_id", "context_management", "background", "service_tier"};

/* OR-22: the item ids it knows; others are made up by clients. */
static const char *const id_prefixes[] = {"msg_", "rs_", "fc_", "ctc_", "ws_", "lsh_", "sh_",
	"apc_", "ig_", "ci_", "fs_", "mcp_", "cmp_", "ts"};

static bool is_left_out(const struct json *member) {
	for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++) {
		if (json_key_is(member, left_out[i])) {
			return true;
		}
	}
	return false;
}

static bool is_known_id(struct slice id) {
	for (size_t i = 0; i < sizeof id_prefixes / sizeof *id_prefixes; i++) {
		if (slice_starts_with(id, slice_of(id_prefixes[i]))) {
			return true;
		}
	}
	return false;
}

static void copy_member(struct json_writer *w, const struct json *member, struct arena *arena) {
	json_write_key_slice(w, json_key(member, arena));
	json_write_node(w, member);
}

static void write_item(struct json_writer *w, const struct json *item, struct arena *arena) {
	if (!json_is(item, JSON_OBJECT)) {
		json_write_node(w, item);
		return;
	}
	json_begin_object(w);
	json_each (member, item) {
		bool is_system = json_key_is(member, "role") && json_string_is(member, "system");
		if (json_key_is(member, "id") && !is_known_id(json_string(member, arena))) {
			continue;
		}
		if (is_system) {
			json_put_cstr(w, "role", "developer");
		} else {
			copy_member(w, member, arena);
		}
	}
	json_end_object(w);
}

/* OR-20: always a list. */
static void write_input(struct json_writer *w, const struct json *input, struct arena *arena) {
	json_write_key(w, "input");
	json_begin_array(w);
	if (json_is(input, JSON_STRING)) {
		json_begin_object(w);
		json_put_cstr(w, "type", "message");
		json_put_cstr(w, "role", "user");
		json_write_key(w, "content");
		json_begin_array(w);
		json_begin_object(w);
		json_put_cstr(w, "type", "input_text");
		json_put_raw(w, "text", json_raw(input));
		json_end_object(w);
		json_end_array(w);
		json_end_object(w);
	}
	json_each (item, json_is(input, JSON_ARRAY) ? input : NULL) {
		write_item(w, item, arena);
	}
	json_end_array(w);
}

/* OR-22 */
static void write_include(struct json_writer *w, const struct json *include) {
	bool has_reasoning = false;
	json_write_key(w, "include");
	json_begin_array(w);
	json_each (entry, json_is(include, JSON_ARRAY) ? include : NULL) {
		has_reasoning |= json_string_is(entry, ENCRYPTED_REASONING);
		json_write_node(w, entry);
	}
	if (!has_reasoning) {
		json_write_cstr(w, ENCRYPTED_REASONING);
	}
	json_end_array(w);
}

bool openai_responses_codex_body(const struct json *tree, const struct format_target *target,
	struct arena *arena, struct buf *out, struct error *error) {
	const struct json *instructions = json_get_value(tree, "instructions");
	const struct json *tools = json_get_value(tree, "tools");
	const struct json *tier = json_get_value(tree, "service_tier");
	struct json_writer w;
	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_put_string(&w, "model", target->model);
	json_put_raw(&w, "instructions",
		json_is(instructions, JSON_STRING) ? json_raw(instructions) : SLICE("\"\""));
	write_input(&w, json_get_value(tree, "input"), arena);
	json_each (member, tree) {
		if (!is_left_out(member)) {
			copy_member(&w, member, arena);
		}
	}
	bool has_tools = json_is(tools, JSON_ARRAY) && tools->count > 0;
	if (has_tools && json_get(tree, "parallel_tool_calls") == NULL) {
		json_put_bool(&w, "parallel_tool_calls", true);
	}
	if (json_string_is(tier, "priority")) {
		json_put_cstr(&w, "service_tier", "priority");
	}
	write_include(&w, json_get_value(tree, "include"));
	json_put_bool(&w, "store", false);
	json_put_bool(&w, "stream", true);
	json_end_object(&w);
	return !out->failed ||
	       error_set(error, ERROR_TOO_LARGE, "the request for the upstream is too large");
}
