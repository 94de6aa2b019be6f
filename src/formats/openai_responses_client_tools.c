/* openai_responses_client_tools.c: local_shell, shell and apply_patch: tools of types of their own
 * that the client runs. For other upstreams they are functions with a fixed schema (RS-5). */
#include "formats/openai_responses.h"

static const struct openai_responses_client_tool tools[] = {
	{.type = "local_shell",
		.call_type = "local_shell_call",
		.output_type = "local_shell_call_output",
		.id_prefix = "lsh_",
		.args_member = "action",
		.args_begin = SLICE_INIT("\"type\":\"exec\""),
		.description = "Runs a command on the user's machine and returns its output.",
		.schema = SLICE_INIT(
			"{\"type\":\"object\",\"properties\":{"
			"\"command\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},"
			"\"description\":\"The command and its arguments\"},"
			"\"working_directory\":{\"type\":\"string\"},"
			"\"timeout_ms\":{\"type\":\"integer\"},"
			"\"env\":{\"type\":\"object\",\"additionalProperties\":{\"type\":"
			"\"string\"}}},"
			"\"required\":[\"command\"]}")},
	{.type = "shell",
		.call_type = "shell_call",
		.output_type = "shell_call_output",
		.id_prefix = "sh_",
		.args_member = "action",
		.description = "Runs shell commands on the user's machine and returns their "
			       "output.",
		.schema = SLICE_INIT(
			"{\"type\":\"object\",\"properties\":{"
			"\"commands\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},"
			"\"description\":\"Commands for the shell, one after the other\"},"
			"\"timeout_ms\":{\"type\":\"integer\"},"
			"\"max_output_length\":{\"type\":\"integer\"}},"
			"\"required\":[\"commands\"]}")},
	{.type = "apply_patch",
		.call_type = "apply_patch_call",
		.output_type = "apply_patch_call_output",
		.id_prefix = "apc_",
		.args_member = "operation",
		.description = "Creates, changes or deletes one file of the user's by a diff.",
		.schema = SLICE_INIT(
			"{\"type\":\"object\",\"properties\":{"
			"\"type\":{\"type\":\"string\",\"enum\":[\"create_file\",\"update_file\","
			"\"delete_file\"]},"
			"\"path\":{\"type\":\"string\"},"
			"\"diff\":{\"type\":\"string\","
			"\"description\":\"V4A diff; left out to delete a file\"}},"
			"\"required\":[\"type\",\"path\"]}")},
};
#define TOOLS (sizeof tools / sizeof *tools)

const struct openai_responses_client_tool *openai_responses_client_tool(struct slice type) {
	for (size_t i = 0; i < TOOLS; i++) {
		if (slice_is(type, tools[i].type)) {
			return &tools[i];
		}
	}
	return NULL;
}

const struct openai_responses_client_tool *openai_responses_client_call(
	struct slice item_type, bool *is_output) {
	for (size_t i = 0; i < TOOLS; i++) {
		*is_output = slice_is(item_type, tools[i].output_type);
		if (*is_output || slice_is(item_type, tools[i].call_type)) {
			return &tools[i];
		}
	}
	return NULL;
}

const struct openai_responses_client_tool *openai_responses_called_tool(
	const struct chat_request *request, struct slice name) {
	const struct chat_tool *tool = request ? chat_request_find_tool(request, name) : NULL;
	bool is_special = tool != NULL && tool->provider == FORMAT_OPENAI_RESPONSES &&
			  tool->kind == CHAT_TOOL_FUNCTION && tool->server_type.len > 0;
	return is_special ? openai_responses_client_tool(tool->server_type) : NULL;
}

struct slice openai_responses_call_object(
	struct arena *arena, const struct openai_responses_client_tool *tool, struct slice args) {
	args = slice_trim(args);
	if (args.len < 2 || args.data[0] != '{' || !chat_args_are_valid(args)) {
		return (struct slice){0};
	}
	struct slice members = slice_trim(slice_sub(args, 1, args.len - 2));
	bool has_begin = tool->args_begin.data != NULL;
	return arena_printf(arena, "{%.*s%s%.*s}", SLICE_FMT(tool->args_begin),
		has_begin && members.len > 0 ? "," : "", SLICE_FMT(members));
}
