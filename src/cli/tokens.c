/* tokens.c: the command `tokens`: counts the tokens of a text as a model would. */
#include "tokens/tokens.h"

#include "base/file.h"
#include "cli/command.h"
#include "data/json.h"
#include "models/counting.h"

#define TOKENS_INPUT_MAX ((size_t)1024 * 1024 * 1024)
#define TOKENS_DEFAULT_MODEL "gpt-4o"

struct counting {
	const struct command_context *context;
	struct tokens *tokens; /* NULL: estimates */
	enum tokens_encoding encoding;
	int64_t factor_permille;
	bool is_exact;
};

static int64_t count(const struct counting *counting, struct slice text) {
	int64_t tokens = tokens_count(counting->tokens, counting->encoding, text);
	/* Rounded up: an estimate that is too low is the worse one (TC-2). */
	return (tokens * counting->factor_permille + 999) / 1000;
}

/* False after a message. */
static bool choose(struct counting *counting, const char *model, const char *encoding) {
	counting->factor_permille = 1000;
	counting->is_exact = true;
	if (encoding == NULL) {
		const struct model_counting *row =
			model_counting_of(slice_of(model ? model : TOKENS_DEFAULT_MODEL));
		encoding = row->encoding;
		counting->factor_permille = row->factor_permille;
		counting->is_exact = row->is_own_vocabulary;
	}
	if (!tokens_find_encoding(slice_of(encoding), &counting->encoding)) {
		command_fail(counting->context, COMMAND_USAGE,
			"unknown encoding '%s'; there are o200k, cl100k, p50k and r50k", encoding);
		return false;
	}
	return true;
}

/* The vocabularies; without them the counts are estimates, and why is told. */
static void open_vocabularies(struct counting *counting, const char *path) {
	struct error error;
	counting->tokens = tokens_open(path, &error);
	if (counting->tokens == NULL) {
		fprintf(counting->context->err, "llm-mux: %s\n", error.message);
	}
	if (!tokens_can_count(counting->tokens, counting->encoding)) {
		counting->is_exact = false;
	}
	if (!counting->is_exact) {
		fputs("llm-mux: this is an estimate: the model's own vocabulary is not here\n",
			counting->context->err);
	}
}

static void print_json(const struct counting *counting, struct slice text, bool is_pretty) {
	struct buf out = {0};
	struct json_writer w;
	json_writer_init(&w, &out, is_pretty);
	json_begin_object(&w);
	json_put_int(&w, "tokens", count(counting, text));
	json_put_cstr(&w, "encoding", tokens_encoding_name(counting->encoding));
	json_put_bool(&w, "estimated", !counting->is_exact);
	json_put_int(&w, "bytes", (int64_t)text.len);
	json_end_object(&w);
	fprintf(counting->context->out, "%.*s\n", SLICE_FMT(buf_slice(&out)));
	buf_finish(&out);
}

/* One result a line, for the whole text or for each part of it up to a separator. */
static void print_counts(const struct counting *counting, struct slice text, bool is_json,
	bool in_parts, char separator) {
	struct slice rest = text, part;
	while (!in_parts || rest.len > 0) {
		part = rest;
		if (in_parts) {
			slice_split(&rest, separator, &part);
		}
		if (is_json) {
			print_json(counting, part, !in_parts);
		} else {
			fprintf(counting->context->out, "%lld\n", (long long)count(counting, part));
		}
		if (!in_parts) {
			break;
		}
	}
}

static int tokens_run(struct command_context *context) {
	struct counting counting = {.context = context};
	struct error error;
	struct buf text;
	if (!choose(&counting, command_value(context, "model"),
		    command_value(context, "encoding"))) {
		return COMMAND_USAGE;
	}
	struct config *config = command_load_config(context, NULL, 0);
	if (!config) {
		return COMMAND_USAGE;
	}
	buf_init(&text, TOKENS_INPUT_MAX);
	if (!file_read(context->argument_count > 0 ? context->arguments[0] : "-", TOKENS_INPUT_MAX,
		    &text, &error)) {
		buf_finish(&text);
		config_unref(config);
		return command_fail(context, COMMAND_FAILED, "%s", error.message);
	}
	open_vocabularies(&counting, config->tokens_file.len > 0 ? config->tokens_file.data : NULL);
	bool has_lines = command_has(context, "lines"), has_nulls = command_has(context, "null");
	print_counts(&counting, buf_slice(&text), command_has(context, "json"),
		has_lines || has_nulls, has_nulls ? '\0' : '\n');
	tokens_close(counting.tokens);
	buf_finish(&text);
	config_unref(config);
	return COMMAND_OK;
}

static const char *const encoding_names[] = {"o200k", "cl100k", "p50k", "r50k", NULL};

static const struct command_option tokens_options[] = {
	{'m', "model", "NAME", "count as for this model (" TOKENS_DEFAULT_MODEL ")", NULL},
	{0, "encoding", "NAME", "count by this vocabulary", encoding_names},
	{0, "lines", NULL, "each line by itself, one result a line", NULL},
	{'0', "null", NULL, "each part up to a NUL byte by itself", NULL},
	{0, "json", NULL, "as JSON objects", NULL},
	{0, NULL, NULL, NULL, NULL},
};

const struct command command_tokens = {
	.name = "tokens",
	.summary = "count the tokens of a text",
	.usage = "[FILE]",
	.details =
		"Counts FILE, or what comes on standard input, exactly as the tokenizers of the\n"
		"OpenAI models do. For other models the count is an estimate on the high side,\n"
		"and standard error says so. The text alone is counted: a request adds a few\n"
		"tokens for each message.",
	.options = tokens_options,
	.max_arguments = 1,
	.run = tokens_run,
};
