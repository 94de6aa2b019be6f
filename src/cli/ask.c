/* ask.c: the command `ask`: one question to a backend or a role, for pipes and terminals
 * (workflows.md 11, rank 25).
 *
 * The question is the only step of a workflow that is made here, so that retries, schemas, events,
 * exit codes and signals are those of every run; no record of it is kept. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/list.h"
#include "cli/run.h"
#include "cli/workflows.h"

#define ASK_INPUT_MAX ((size_t)16 * 1024 * 1024)
#define ASK_SCHEMA_MAX ((size_t)1024 * 1024)

/* ---- what is shown: the answer on out as it comes, trouble on err ---- */

struct ask_display {
	struct run_display display; /* the first member */
	FILE *out, *err;
	struct arena arena;
	bool is_streaming, is_mid_line, has_text;
};

static void begin_line(struct ask_display *ask) {
	if (ask->is_mid_line) {
		fputc('\n', ask->out);
		fflush(ask->out);
		ask->is_mid_line = false;
	}
}

static void tell(struct ask_display *ask, const char *what, struct slice text) {
	struct buf line;
	struct runner_secrets *secrets = ask->display.options.secrets;
	buf_init(&line, 0);
	run_words_append(
		&line, secrets != NULL ? runner_secrets_mask(secrets, text, &ask->arena) : text);
	begin_line(ask);
	fprintf(ask->err, "%s%.*s\n", what, SLICE_FMT(buf_slice(&line)));
	fflush(ask->err);
	buf_finish(&line);
}

static void show_piece(struct ask_display *ask, struct slice text) {
	if (ask->is_streaming && text.len > 0) {
		fwrite(text.data, 1, text.len, ask->out);
		fflush(ask->out);
		ask->has_text = true;
		ask->is_mid_line = text.data[text.len - 1] != '\n';
	}
}

static void show_failure(struct ask_display *ask, const struct step_error *error) {
	const char *hint = run_words_hint(error);
	tell(ask, "llm-mux: ", error->message);
	if (error->err.len > 0 && !slice_eq(slice_trim(error->err), slice_trim(error->message))) {
		tell(ask, "", slice_trim(error->err));
	}
	if (hint != NULL && error->class != FAILURE_PARSE) {
		tell(ask, "hint: ", slice_of(hint));
	}
}

static void on_event(struct run_observer *observer, const struct run_event *event) {
	struct ask_display *ask = (struct ask_display *)observer;
	const struct run_display_options *options = &ask->display.options;
	switch (event->type) {
	case RUN_EVENT_STEP_OUTPUT:
		show_piece(ask, event->text);
		break;
	case RUN_EVENT_STEP_RETRY:
		/* what was written of the failed attempt cannot be taken back */
		if (!options->is_quiet) {
			tell(ask, "asking again: ", event->error->message);
		}
		ask->has_text = false;
		break;
	case RUN_EVENT_INFO:
	case RUN_EVENT_WARNING:
		if (!options->is_quiet) {
			tell(ask, event->type == RUN_EVENT_WARNING ? "warning: " : "", event->text);
		}
		break;
	case RUN_EVENT_STEP_END:
		if (event->result->status == STEP_FAILED) {
			show_failure(ask, &event->result->error);
		}
		break;
	case RUN_EVENT_END:
		begin_line(ask);
		if (options->on_end != NULL) {
			options->on_end(options->data, event->end);
		}
		break;
	case RUN_EVENT_START:
	case RUN_EVENT_STEP_START:
	case RUN_EVENT_STEP_PROGRESS:
		break;
	}
	arena_finish(&ask->arena);
}

static void print_line(struct run_display *display, struct slice line) {
	tell((struct ask_display *)display, "", line);
}

static void close_ask(struct run_display *display, const struct run_summary *summary) {
	struct ask_display *ask = (struct ask_display *)display;
	display->has_printed_text = ask->has_text || summary->end != RUN_OK;
	if (display->options.is_verbose) {
		struct buf usage;
		char took[RUN_DURATION_MAX];
		buf_init(&usage, 0);
		run_words_usage(&summary->usage, &usage);
		run_words_duration(summary->duration_ms, took);
		fprintf(ask->err, "%.*s in %s%s%.*s\n",
			SLICE_FMT(summary->results->items[0].backend), took,
			usage.len > 0 ? ", " : "", (int)usage.len, usage.len > 0 ? usage.data : "");
		buf_finish(&usage);
	}
}

static void destroy(struct run_display *display) {
	struct ask_display *ask = (struct ask_display *)display;
	arena_finish(&ask->arena);
	free(ask);
}

static struct run_display *make_display(
	const struct run_display_options *options, const struct run_session *session) {
	struct ask_display *ask = mem_calloc(1, sizeof *ask);
	ask->display = (struct run_display){
		.observer = {on_event},
		.options = *options,
		.print_line = print_line,
		.close = close_ask,
		.destroy = destroy,
	};
	ask->out = session->context->out;
	ask->err = session->context->err;
	ask->is_streaming = session->flags.streams;
	arena_init(&ask->arena, NULL, 0);
	return &ask->display;
}

/* ---- the question ---- */

/* PROMPT, `-` or what comes by the pipe; both: the pipe behind PROMPT. */
static bool read_prompt(struct run_session *session, struct slice *out) {
	const struct command_context *context = session->context;
	struct error error = {0};
	struct buf text;
	buf_init(&text, ASK_INPUT_MAX);
	bool wants_input = context->argument_count == 0;
	for (size_t i = 0; i < context->argument_count; i++) {
		bool is_dash = strcmp(context->arguments[i], "-") == 0;
		wants_input |= is_dash;
		if (!is_dash) {
			buf_printf(&text, "%s%s", text.len > 0 ? " " : "", context->arguments[i]);
		}
	}
	bool is_terminal = isatty(STDIN_FILENO) == 1;
	if (wants_input && is_terminal && context->argument_count == 0) {
		command_fail(context, COMMAND_USAGE,
			"what is to be asked? llm-mux ask PROMPT, or a pipe into llm-mux ask -");
		buf_finish(&text);
		return false;
	}
	bool is_read = true;
	if (wants_input || !is_terminal) {
		struct buf input;
		buf_init(&input, 0);
		is_read = file_read("-", ASK_INPUT_MAX, &input, &error);
		if (is_read && slice_trim(buf_slice(&input)).len > 0) {
			buf_append_str(&text, text.len > 0 ? "\n\n" : "");
			buf_append(&text, buf_slice(&input));
		}
		buf_finish(&input);
	}
	if (is_read && text.failed) {
		is_read = error_set(&error, ERROR_TOO_LARGE, "the prompt is larger than %zu MB",
			ASK_INPUT_MAX / (1024 * 1024));
	} else if (is_read && slice_trim(buf_slice(&text)).len == 0) {
		is_read = error_set(&error, ERROR_INVALID_REQUEST,
			"the prompt is empty: llm-mux ask PROMPT, or a pipe into llm-mux ask -");
	}
	*out = arena_dup(&session->arena, buf_slice(&text));
	buf_finish(&text);
	return is_read || run_session_refuse(session, &error);
}

/* ---- who is asked ---- */

static const char *next_role(const void *data, size_t index) {
	const struct runner_config *runner = data;
	return index < runner->roles.len ? runner->roles.items[index].name.data : NULL;
}

static const char *next_backend(const void *data, size_t index) {
	const struct runner_config *runner = data;
	return index < runner->backends.len ? runner->backends.items[index].name.data : NULL;
}

static bool refuse_name(struct run_session *session, const char *kind, const char *name,
	const char *(*next)(const void *data, size_t index), const char *list) {
	const char *near = command_nearest(name, next, session->runner);
	command_fail(session->context, COMMAND_USAGE, "there is no %s '%s'; %s%s%s", kind, name,
		near != NULL ? "did you mean '" : "`llm-mux ", near != NULL ? near : list,
		near != NULL ? "'?" : "` lists them");
	return false;
}

static bool knows_role(const struct run_session *session, struct slice name) {
	bool is_known = runner_find_role(session->runner, name) != NULL;
	for (size_t i = 0; session->team != NULL && i < session->team->roles.len; i++) {
		is_known |= slice_eq(session->team->roles.items[i].name, name);
	}
	return is_known;
}

static bool check_name(struct run_session *session) {
	const char *backend = command_value(session->context, "backend");
	const char *role = command_value(session->context, "role");
	if (backend != NULL && role != NULL) {
		command_fail(session->context, COMMAND_USAGE,
			"--backend and --role exclude each other: a role names backends");
		return false;
	}
	if (backend != NULL) {
		return strchr(backend, '/') != NULL ||
		       runner_find_backend(session->runner, slice_of(backend)) != NULL ||
		       refuse_name(session, "backend", backend, next_backend, "backends");
	}
	role = role != NULL ? role : "default";
	if (!knows_role(session, slice_of(role))) {
		return refuse_name(session, "role", role, next_role, "roles");
	}
	if (session->flags.output != RUN_OUTPUT_QUIET) {
		run_session_warn_of_demo(session->context, session->runner, slice_of(role));
	}
	return true;
}

/* ---- the workflow ---- */

static void put_key(struct buf *toml, const char *key, const char *value) {
	struct json_writer w;
	buf_printf(toml, "%s = ", key);
	json_writer_init(&w, toml, false);
	json_write_cstr(&w, value);
	buf_append_byte(toml, '\n');
}

static bool take_schema(struct run_session *session) {
	const char *path = command_value(session->context, "schema");
	struct error error = {0};
	struct slice text;
	if (path == NULL) {
		return true;
	}
	bool is_read = file_load(path, ASK_SCHEMA_MAX, &session->arena, &text, &error);
	const struct json *json = is_read ? json_parse(&session->arena, text, NULL, &error) : NULL;
	struct workflow_step *step = &session->workflow->steps.items[0];
	step->output_schema =
		json != NULL ? schema_compile_short(&session->arena, json, &error) : NULL;
	if (step->output_schema == NULL) {
		command_fail(
			session->context, COMMAND_USAGE, "--schema %s: %s", path, error.message);
	}
	return step->output_schema != NULL;
}

static bool make_workflow(struct run_session *session, struct slice prompt) {
	const struct command_context *context = session->context;
	const char *backend = command_value(context, "backend");
	const char *role = command_value(context, "role");
	const char *system = command_value(context, "system");
	struct buf toml;
	buf_init(&toml, 0);
	buf_append_str(&toml, "name = \"ask\"\n[[steps]]\nname = \"ask\"\ntype = \"query\"\n"
			      "prompt = \"{{ args.prompt }}\"\n");
	put_key(&toml, backend != NULL ? "backend" : "role",
		backend != NULL ? backend : (role != NULL ? role : "default"));
	if (system != NULL) {
		buf_append_str(&toml, "system = \"{{ args.system }}\"\n");
	}
	if (command_has(context, "schema")) {
		buf_append_str(&toml, "retries = 1\nretry_on = [\"parse_error\"]\n");
	}
	struct slice text = arena_dup(&session->arena, buf_slice(&toml));
	buf_finish(&toml);
	struct problems problems;
	problems_init(&problems, &session->arena, "ask", text);
	session->workflow = workflow_load("ask", "built-in", text, &problems);
	if (session->workflow == NULL) {
		command_print_problems(context, &problems);
		return false;
	}
	struct value_map *values = value_map_new(&session->arena);
	value_map_put_named(&session->arena, values, "prompt", value_string(prompt));
	if (system != NULL) {
		value_map_put_named(
			&session->arena, values, "system", value_string(slice_of(system)));
	}
	session->arguments = (struct workflow_arguments){.values = value_of_map(values)};
	return take_schema(session);
}

/* ---- the command ---- */

static bool parse_flags(struct run_session *session) {
	const struct command_context *context = session->context;
	struct run_flags *flags = &session->flags;
	bool is_json;
	if (!list_wants_json(context, &is_json)) {
		return false;
	}
	const char *output = command_value(context, "output");
	bool is_quiet =
		command_has(context, "quiet") || (output != NULL && strcmp(output, "quiet") == 0);
	*flags = (struct run_flags){
		.workflow = "ask",
		.output = is_json    ? RUN_OUTPUT_JSON
			  : is_quiet ? RUN_OUTPUT_QUIET
				     : RUN_OUTPUT_CONSOLE,
		.output_file = command_value(context, "output-file"),
		.team = command_value(context, "team"),
		.max_cost_microusd = -1,
		.is_verbose = command_has(context, "verbose"),
		.is_traced = command_has(context, "trace"),
	};
	const char *contexts = command_value(context, "context");
	if (contexts != NULL) {
		*ARENA_PUSH(&session->arena, &flags->contexts) = contexts;
	}
	/* an answer that may be refused, or several at once, come whole */
	bool may_stream = !command_has(context, "schema");
	flags->streams = may_stream && (command_has(context, "stream") ||
					       (!is_json && isatty(fileno(context->out)) == 1));
	return true;
}

/* Answers that come at once would run into each other. */
static void look_at_role(struct run_session *session) {
	const char *name = command_value(session->context, "role");
	const struct runner_role *role =
		runner_find_role(session->runner, slice_of(name != NULL ? name : "default"));
	bool is_single = command_value(session->context, "backend") != NULL;
	if (session->flags.output != RUN_OUTPUT_JSON && !is_single && role != NULL &&
		role->execution == ROLE_PARALLEL) {
		session->flags.streams = false;
	}
}

static int ask_run(struct command_context *context) {
	struct run_session session;
	struct slice prompt;
	int code = COMMAND_USAGE;
	run_session_init(&session, context);
	session.make_display = make_display;
	struct run_capture *capture = run_capture_begin(context);
	if (parse_flags(&session) && run_session_configure(&session) &&
		run_session_surround(&session) && check_name(&session) &&
		read_prompt(&session, &prompt) && make_workflow(&session, prompt)) {
		look_at_role(&session);
		code = run_session_execute(&session);
	}
	run_capture_end(capture, context, session.has_run);
	run_session_finish(&session);
	return code;
}

static const struct command_option options[] = {
	{'b', "backend", "NAME", "a backend, or a model such as demo/echo", NULL},
	{0, "role", "NAME", "the backends of a role; without either: `default`", NULL},
	{0, "system", "TEXT", "instructions that stand above the prompt", NULL},
	{0, "schema", "FILE", "JSON Schema that the answer has to fit", NULL},
	{0, "context", "FILE[,FILE]", "files whose content stands before the prompt", NULL},
	{0, "team", "NAME", "the roles as this team has them", NULL},
	{0, "stream", NULL, "write the answer as it comes, also into a pipe", NULL},
	{0, "output", "MODE", "console, or json: an event a line", list_outputs},
	{0, "output-file", "FILE", "write the answer there, too", NULL},
	{0, "quiet", NULL, "the answer and errors alone", NULL},
	{0, "verbose", NULL, "tell who answered, how long it took, tokens and cost", NULL},
	{0, "trace", NULL, "with JSON: the whole prompt in the Result", NULL},
	{0, NULL, NULL, NULL, NULL},
};

const struct command command_ask = {
	.name = "ask",
	.summary = "ask a model one question",
	.usage = "[PROMPT...|-]",
	.details = "What comes by a pipe stands behind PROMPT: git diff | llm-mux ask 'Review "
		   "this:'\n"
		   "On a terminal the answer is written as it comes.\n"
		   "Exit code 0: answered; 1: nobody answered; 2: nobody was asked.",
	.options = options,
	.max_arguments = SIZE_MAX,
	.ends_in_result = true,
	.run = ask_run,
};
