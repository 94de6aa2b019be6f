/* convert.c: the command `convert`: a request, an answer or a stream from one format into another,
 * as the gateway would translate it, without a server. */
#include "cli/convert.h"

#include <string.h>
#include <unistd.h>

static const char *const format_words[] = {"openai-chat", "openai-completions", "openai-responses",
	"anthropic", "gemini", "ollama", NULL};
static const char *const kind_words[] = {"request", "response", "stream", NULL};

static const char *next_word(const void *data, size_t index) {
	const char *const *words = data;
	return words[index];
}

/* One choice of the command line. */
struct choice {
	const char *what;    /* "format" */
	const char *place;   /* " for --from" */
	const char *missing; /* what to say when it was not made */
	const char *const *words;
};

static const struct choice from_choice = {
	"format", " for --from", "convert needs --from FORMAT, what the input is", format_words};
static const struct choice to_choice = {
	"format", " for --to", "convert needs --to FORMAT, what to print", format_words};
static const struct choice kind_choice = {
	"kind of input", "", "convert needs to know what the input is", kind_words};

/* The nearest of the words: "openai" means one that begins so. */
static const char *nearest(const char *word, const char *const *words) {
	for (size_t i = 0; word[0] && words[i]; i++) {
		if (strncmp(words[i], word, strlen(word)) == 0) {
			return words[i];
		}
	}
	return command_nearest(word, next_word, words);
}

/* The word itself, or NULL after a message. */
static const char *choose(
	const struct command_context *context, const struct choice *choice, const char *word) {
	char all[128] = "";
	for (size_t i = 0, at = 0; choice->words[i] && at < sizeof all; i++) {
		if (word && strcmp(choice->words[i], word) == 0) {
			return choice->words[i];
		}
		at += (size_t)snprintf(
			all + at, sizeof all - at, "%s%s", i ? ", " : "", choice->words[i]);
	}
	const char *near = word ? nearest(word, choice->words) : NULL;
	if (!word) {
		command_fail(context, COMMAND_USAGE, "%s: one of %s", choice->missing, all);
	} else if (near) {
		command_fail(context, COMMAND_USAGE, "unknown %s '%s'%s; did you mean '%s'?",
			choice->what, word, choice->place, near);
	} else {
		command_fail(context, COMMAND_USAGE, "unknown %s '%s'%s; it is one of %s",
			choice->what, word, choice->place, all);
	}
	return NULL;
}

int convert_fail(const struct convert *convert, const struct error *error) {
	bool is_named = error->param[0] && !strstr(error->message, error->param);
	return command_fail(convert->context, COMMAND_FAILED, "%s: %s%s%s%s", convert->name,
		error->message, is_named ? " (field " : "", is_named ? error->param : "",
		is_named ? ")" : "");
}

/* --explain: one JSON object a line on stderr. Without it, a person is told that there is
 * something. */
static void explain(const struct convert *convert) {
	FILE *err = convert->context->err;
	if (!command_has(convert->context, "explain")) {
		if (convert->losses.len > 0 && isatty(fileno(err)) == 1) {
			fprintf(err,
				"llm-mux: %zu field%s dropped or altered; --explain lists them\n",
				convert->losses.len, convert->losses.len == 1 ? " was" : "s were");
		}
		return;
	}
	for (size_t i = 0; i < convert->losses.len; i++) {
		const struct chat_loss *loss = &convert->losses.items[i];
		struct buf line = {0};
		struct json_writer w;
		json_writer_init(&w, &line, false);
		json_begin_object(&w);
		json_put_cstr(&w, "rule", loss->rule);
		json_put_cstr(&w, "field", loss->field);
		json_put_cstr(&w, "action", loss->is_altered ? "altered" : "dropped");
		json_put_cstr(&w, "reason", loss->reason);
		json_end_object(&w);
		fprintf(err, "%.*s\n", SLICE_FMT(buf_slice(&line)));
		buf_finish(&line);
	}
}

static int convert_kind(struct convert *convert, const char *kind) {
	if (strcmp(kind, "request") == 0) {
		return convert_request(convert);
	}
	return convert_answer(convert, strcmp(kind, "stream") == 0);
}

static int convert_run(struct command_context *context) {
	const char *operand = context->argument_count > 0 ? context->arguments[0] : NULL;
	const char *from = choose(context, &from_choice, command_value(context, "from"));
	const char *to = from ? choose(context, &to_choice, command_value(context, "to")) : NULL;
	const char *kind = to ? choose(context, &kind_choice, operand) : NULL;
	if (!kind) {
		return COMMAND_USAGE;
	}
	if (command_has(context, "lines") && strcmp(kind, "stream") != 0) {
		return command_fail(
			context, COMMAND_USAGE, "--lines is for a stream, not for a %s", kind);
	}
	struct convert convert = {
		.context = context,
		.from = format_find(slice_of(from)),
		.to = format_find(slice_of(to)),
		.model = slice_of(command_value(context, "model")),
		.path = context->argument_count > 1 ? context->arguments[1] : "-",
		.is_lines = command_has(context, "lines"),
	};
	convert.name = strcmp(convert.path, "-") == 0 ? "standard input" : convert.path;
	if (strcmp(convert.path, "-") == 0 && isatty(STDIN_FILENO) == 1) {
		fprintf(context->err, "llm-mux: reading the %s from the terminal; Ctrl-D ends it\n",
			kind);
	}
	arena_init(&convert.arena, NULL, CONVERT_ARENA_MAX);
	convert.losses.arena = &convert.arena;
	int code = convert_kind(&convert, kind);
	fflush(context->out);
	explain(&convert);
	arena_finish(&convert.arena);
	return code;
}

static const struct command_option options[] = {
	{0, "from", "FORMAT", "what the input is", format_words},
	{0, "to", "FORMAT", "what to print", format_words},
	{0, "model", "M", "put this model name for the one in the input", NULL},
	{0, "lines", NULL, "stream: one JSON payload a line, in and out", NULL},
	{0, "explain", NULL, "tell on stderr what was dropped or altered", NULL},
	{0, NULL, NULL, NULL, NULL},
};

const struct command command_convert = {
	.name = "convert",
	.summary = "translate a request, an answer or a recorded stream",
	.usage = "request|response|stream [FILE]",
	.details =
		"Prints what the gateway would make of it, without a server: a client's request\n"
		"for an upstream of another format, or an upstream's answer for a client. A\n"
		"Gemini request names its model in the path, so --model says it here.\n"
		"Without FILE, or with -, the input is standard input. Exit code 0 also when\n"
		"something was dropped; 1 when it cannot be carried, or the answer is an error.\n"
		"\n"
		"  llm-mux convert --from openai-chat --to anthropic request --explain req.json",
	.options = options,
	.operands = kind_words,
	.max_arguments = 2,
	.run = convert_run,
};
