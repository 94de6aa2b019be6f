/* run_session.c: everything around a run: configuration, workflow, arguments, surroundings, and the
 * machine that calls go through. */
#include "cli/run.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/workflows.h"
#include "proc/process.h"

#define RUN_CONTEXT_MAX ((size_t)4 * 1024 * 1024)
#define RUN_ARENA_CAP ((size_t)1024 * 1024 * 1024)

bool run_session_refuse(struct run_session *session, const struct error *error) {
	command_fail(session->context, COMMAND_USAGE, "%s", error->message);
	return false;
}

void run_session_init(struct run_session *session, struct command_context *context) {
	*session = (struct run_session){.context = context, .log_fd = -1, .log_pipe = {-1, -1}};
	arena_init(&session->arena, NULL, RUN_ARENA_CAP);
	map_init(&session->owed_trust);
}

bool run_session_configure(struct run_session *session) {
	/* a plan runs nothing, and is how one sees what is to be trusted */
	enum command_project project =
		session->flags.is_dry_run ? COMMAND_PROJECT_SHOWN : COMMAND_PROJECT_USED;
	session->config = command_load_project(session->context, project, NULL, 0);
	if (session->config == NULL) {
		return false;
	}
	session->runner = runner_of(session->config);
	session->dir = session->runner->dir;
	session->secrets = runner_secrets_create();
	runner_secrets_add_environment(session->secrets, session->context->environment);
	return true;
}

/* ---- the workflow ---- */

/* Warnings are for those who watch. */
static void print_problems(
	struct run_session *session, const struct problems *problems, bool is_fine) {
	if (!is_fine || session->flags.output != RUN_OUTPUT_QUIET) {
		command_print_problems(session->context, problems);
	}
}

void run_session_warn_of_demo(const struct command_context *context,
	const struct runner_config *runner, struct slice role_name) {
	const struct runner_role *role = runner_find_role(runner, role_name);
	if (role != NULL && role->is_built_in &&
		slice_is(role->backends.items[0], RUNNER_LAST_RESORT)) {
		fprintf(context->err,
			"warning: no backend is configured, so " RUNNER_LAST_RESORT
			" answers, which is no model; `llm-mux init` looks for real ones\n");
	}
}

/* Once, whichever steps ask. */
static void warn_of_demo(const struct run_session *session) {
	for (size_t i = 0; i < session->workflow->steps.len; i++) {
		const struct workflow_step *step = &session->workflow->steps.items[i];
		bool asks = step->type == STEP_QUERY && step->backends.len == 0;
		if (asks && slice_is(step->role, "default")) {
			run_session_warn_of_demo(session->context, session->runner, step->role);
			return;
		}
	}
}

bool run_session_load(struct run_session *session) {
	struct command_context *context = session->context;
	struct workflow_places places;
	struct error error = {0};
	const char *path;
	const char *origin;
	struct slice text;
	workflow_places_of(session->runner, &session->arena, &places);
	if (!workflow_find(&places, session->flags.workflow, &session->arena, &path, &origin, &text,
		    &error)) {
		return run_session_refuse(session, &error);
	}
	struct problems problems;
	problems_init(&problems, &session->arena, path, text);
	bool is_fine = workflow_validate(
		path, origin, text, session->runner, &places, &problems, &session->workflow);
	print_problems(session, &problems, is_fine);
	bool is_trusted =
		is_fine &&
		(session->flags.is_dry_run ||
			(command_trust_workflow(
				 context, session->runner, session->workflow, true, &error) &&
				command_trust_nested(context, session->runner, &places,
					session->workflow, &session->owed_trust, &error)));
	if (is_trusted && session->flags.output != RUN_OUTPUT_QUIET && !session->flags.wants_help) {
		warn_of_demo(session);
	}
	return is_trusted || (is_fine && run_session_refuse(session, &error));
}

/* ---- arguments ---- */

static bool is_given(struct slice name, char *const *words, size_t count) {
	for (size_t i = 0; i < count; i++) {
		struct slice word = slice_of(words[i]);
		bool is_option = slice_starts_with(word, SLICE("--"));
		word = slice_from(word, is_option ? 2 : 0);
		if (slice_starts_with(word, name) &&
			(word.len == name.len ? is_option : word.data[name.len] == '=')) {
			return true;
		}
	}
	return false;
}

/* Words without a name belong to whichever arguments they are for: then all is given anew. */
static bool has_nameless(char *const *words, size_t count) {
	for (size_t i = 0; i < count; i++) {
		struct slice word = slice_of(words[i]);
		if (!slice_starts_with(word, SLICE("--")) &&
			slice_find_byte(word, '=') == SIZE_MAX) {
			return true;
		}
	}
	return false;
}

static bool is_lost(struct run_session *session, struct slice name) {
	json_each (lost, journal_record_lost_arguments(session->record)) {
		if (slice_eq(json_string(lost, &session->arena), name)) {
			return true;
		}
	}
	return false;
}

/* A list as a command line writes it. */
static struct slice text_of_recorded(struct arena *arena, const struct json *argument) {
	if (argument->type == JSON_STRING) {
		return json_string(argument, arena);
	}
	if (argument->type != JSON_ARRAY) {
		return json_raw(argument);
	}
	struct slice joined = SLICE("");
	json_each (item, argument) {
		joined = arena_printf(arena, "%.*s%s%.*s", SLICE_FMT(joined),
			item == argument->child ? "" : ",",
			SLICE_FMT(text_of_recorded(arena, item)));
	}
	return joined;
}

/* What the record of the run to resume knows, for those that were not given again. False after a
 * message: a mask stands where a secret was. */
static bool add_recorded_words(struct run_session *session, char **words, size_t *count) {
	size_t given = *count;
	struct slice missing = {0};
	if (session->record == NULL || has_nameless(words, given)) {
		return true;
	}
	json_each (argument, journal_record_arguments(session->record)) {
		struct slice name = json_key(argument, &session->arena);
		struct slice value = text_of_recorded(&session->arena, argument);
		if (is_given(name, words, given)) {
			continue;
		}
		if (is_lost(session, name)) {
			missing = arena_printf(&session->arena, "%.*s%s%.*s=...",
				SLICE_FMT(missing), missing.len > 0 ? " " : "", SLICE_FMT(name));
			continue;
		}
		words[(*count)++] =
			arena_strdup(&session->arena, arena_printf(&session->arena, "%.*s=%.*s",
							      SLICE_FMT(name), SLICE_FMT(value)));
	}
	if (missing.len > 0) {
		command_fail(session->context, COMMAND_USAGE,
			"the record of the run does not keep secrets: give what was one again "
			"(%.*s)",
			SLICE_FMT(missing));
	}
	return missing.len == 0;
}

static bool bind_words(struct run_session *session) {
	const struct json *recorded =
		session->record != NULL ? journal_record_arguments(session->record) : NULL;
	size_t most = session->flags.word_count + (recorded != NULL ? recorded->count : 0);
	char **words = ARENA_ARRAY(&session->arena, char *, most + 1);
	size_t count = session->flags.word_count;
	for (size_t i = 0; i < count; i++) {
		words[i] = session->flags.words[i];
	}
	if (!add_recorded_words(session, words, &count)) {
		return false;
	}
	if (recorded != NULL && session->flags.word_count == 0) {
		/* as they were: the content of a file is no path, and no text is read anew */
		session->arguments = (struct workflow_arguments){
			.values = value_from_json(&session->arena, recorded)};
		return true;
	}
	struct error error = {0};
	struct buf warnings;
	buf_init(&warnings, 0);
	bool is_bound = workflow_bind(session->workflow, session->dir, words, count,
		&session->arena, &session->arguments, &warnings, &error);
	if (session->flags.output != RUN_OUTPUT_QUIET) {
		fwrite(warnings.data != NULL ? warnings.data : "", 1, warnings.len,
			session->context->err);
	}
	buf_finish(&warnings);
	if (!is_bound) {
		return run_session_refuse(session, &error);
	}
	for (size_t i = 0; i < session->arguments.secret_count; i++) {
		runner_secrets_add(session->secrets, session->arguments.secrets[i]);
	}
	return true;
}

/* ---- surroundings ---- */

/* A directory that stands behind the arguments is where the workflow works (5.4). */
static bool choose_dir(struct run_session *session) {
	struct error error = {0};
	char path[PATH_MAX];
	if (session->arguments.directory == NULL) {
		return true;
	}
	if (realpath(session->arguments.directory, path) == NULL) {
		error_set(&error, ERROR_NOT_FOUND, "the directory %s cannot be used",
			session->arguments.directory);
		return run_session_refuse(session, &error);
	}
	session->dir = arena_strdup(&session->arena, slice_of(path));
	return true;
}

/* By --ecosystem, by the workflow's own wish, else by where we are. */
static bool choose_ecosystem(struct run_session *session) {
	struct error error = {0};
	struct slice forced = slice_of(session->flags.ecosystem);
	const struct step_template *wish = &session->workflow->ecosystem;
	if (forced.data == NULL && wish->template != NULL) {
		struct value_map *globals = value_map_new(&session->arena);
		struct template_error fault = {0};
		struct buf text;
		buf_init(&text, 0);
		value_map_put_named(&session->arena, globals, "args", session->arguments.values);
		if (!template_render(wish->template, value_of_map(globals), &session->arena, &text,
			    &fault)) {
			buf_finish(&text);
			template_error_to_error(&fault, &error);
			return run_session_refuse(session, &error);
		}
		struct slice name = slice_trim(buf_slice(&text));
		forced = name.len > 0 ? arena_dup(&session->arena, name) : forced;
		buf_finish(&text);
	}
	return ecosystem_detect(session->runner, session->dir, forced,
		       slice_of(session->flags.project), session->context->environment,
		       &session->arena, &session->choice, &error) ||
	       run_session_refuse(session, &error);
}

/* --context a.md,b.md: named fenced blocks before every prompt. */
static bool read_contexts(struct run_session *session) {
	struct buf text;
	struct error error = {0};
	buf_init(&text, RUN_CONTEXT_MAX);
	bool is_read = true;
	for (size_t i = 0; i < session->flags.contexts.len; i++) {
		struct slice rest = slice_of(session->flags.contexts.items[i]);
		struct slice name;
		while (is_read && slice_split(&rest, ',', &name)) {
			struct buf file;
			buf_init(&file, 0);
			const char *path = arena_strdup(&session->arena, name);
			is_read = file_read(path, RUN_CONTEXT_MAX, &file, &error);
			buf_printf(&text, "%s:\n````\n", path);
			buf_append(&text, buf_slice(&file));
			buf_append_str(&text, "\n````\n\n");
			buf_finish(&file);
		}
	}
	if (is_read && text.failed) {
		is_read = error_set(&error, ERROR_TOO_LARGE,
			"the files of --context have more than %zu MB in all",
			RUN_CONTEXT_MAX / (1024 * 1024));
	}
	session->prompt_context = arena_dup(&session->arena, buf_slice(&text));
	buf_finish(&text);
	return is_read || run_session_refuse(session, &error);
}

bool run_session_surround(struct run_session *session) {
	struct error error = {0};
	return (team_detect(session->runner, session->dir, slice_of(session->flags.team),
			&session->team, &error) ||
		       run_session_refuse(session, &error)) &&
	       read_contexts(session);
}

bool run_session_bind(struct run_session *session) {
	return bind_words(session) && choose_dir(session) && run_session_surround(session) &&
	       choose_ecosystem(session);
}

/* ---- the machine ---- */

/* --debug, `debug` of the configuration, or LLM_MUX_LOG; warnings alone otherwise (8.6). */
static enum log_level log_level(const struct run_session *session) {
	static const struct {
		const char *word;
		enum log_level level;
	} rows[] = {
		{"debug", LOG_DEBUG}, {"info", LOG_INFO}, {"warn", LOG_WARN}, {"error", LOG_ERROR}};
	static const struct slice name = SLICE_INIT("LLM_MUX_LOG=");
	if (session->context->is_debug || session->config->is_debug) {
		return LOG_DEBUG;
	}
	for (char *const *at = session->context->environment; at != NULL && *at != NULL; at++) {
		struct slice variable = slice_of(*at);
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
			if (slice_starts_with(variable, name) &&
				slice_is(slice_from(variable, name.len), rows[i].word)) {
				return rows[i].level;
			}
		}
	}
	return LOG_WARN;
}

bool run_session_start(struct run_session *session) {
	struct error error = {0};
	struct log_options log = {
		.level = log_level(session),
		.fd = session->log_fd >= 0 ? session->log_fd : STDERR_FILENO,
	};
	session->log = log_create(&log);
	session->watchdog = process_watchdog_create(&error);
	session->loop = session->watchdog != NULL ? loop_create(&error) : NULL;
	struct mux_options options = {
		.config = session->config,
		.log = session->log,
		.user_agent = command_user_agent(),
		.environment = session->context->environment,
		.secrets = session->secrets,
		.watchdog = session->watchdog,
	};
	session->mux = session->loop != NULL ? mux_create(&options, &error) : NULL;
	session->mux_loop =
		session->mux != NULL ? mux_loop_create(session->mux, session->loop, &error) : NULL;
	return session->mux_loop != NULL || run_session_refuse(session, &error);
}

/* ---- the options of a run ---- */

static bool add_presets(struct run_session *session, struct run_options *options) {
	size_t count = session->flags.answers.len;
	struct run_preset *presets = ARENA_ARRAY(&session->arena, struct run_preset, count + 1);
	for (size_t i = 0; i < count; i++) {
		struct slice text = slice_of(session->flags.answers.items[i]);
		size_t equals = slice_find_byte(text, '=');
		if (equals == SIZE_MAX) {
			command_fail(session->context, COMMAND_USAGE,
				"--answer needs STEP=VALUE, not '%s'",
				session->flags.answers.items[i]);
			return false;
		}
		presets[i] = (struct run_preset){
			slice_sub(text, 0, equals), slice_from(text, equals + 1)};
	}
	options->presets = presets;
	options->preset_count = count;
	return true;
}

/* A step may have changed what was trusted when the run began. */
static bool allows(void *data, const struct workflow *workflow, struct error *error) {
	const struct run_session *session = data;
	return command_trust_again(
		session->context, session->runner, workflow, &session->owed_trust, error);
}

bool run_session_options(struct run_session *session, struct run_options *options) {
	const struct run_flags *flags = &session->flags;
	*options = (struct run_options){
		.workflow = session->workflow,
		.allows = allows,
		.allows_data = session,
		.config = session->config,
		.mux_loop = session->mux_loop,
		.loop = session->loop,
		.log = session->log,
		.watchdog = session->watchdog,
		.secrets = session->secrets,
		.arguments = session->arguments,
		.environment = session->context->environment,
		.dir = session->dir,
		.team = session->team,
		.ecosystem = session->choice.ecosystem,
		.project = session->choice.project,
		.team_value = team_value(session->team, &session->arena),
		.context = session->prompt_context,
		.jobs = (size_t)flags->jobs,
		.streams = flags->streams,
		.takes_defaults = flags->takes_defaults,
		.is_dry_run = flags->is_dry_run,
		.ignores_cache = flags->ignores_cache,
		.keeps_backups = flags->keeps_backups,
		.confirms_edits = flags->confirms_edits,
		.max_cost_microusd = flags->max_cost_microusd,
	};
	if (session->choice.ecosystem != NULL) {
		options->ecosystem_value = ecosystem_value(
			&session->choice, session->context->environment, &session->arena);
	}
	return add_presets(session, options);
}

/* ---- the end ---- */

static void close_descriptor(int fd) {
	if (fd >= 0) {
		close(fd);
	}
}

void run_session_finish(struct run_session *session) {
	run_prompt_finish(session->prompt);
	run_release(session->run);
	run_log_close(session);
	run_display_destroy(session->display);
	loop_poll_destroy(session->log_poll);
	mux_loop_destroy(session->mux_loop);
	mux_destroy(session->mux);
	loop_destroy(session->loop); /* after what is under way has ended */
	journal_close(session->journal);
	process_watchdog_destroy(session->watchdog);
	log_destroy(session->log);
	close_descriptor(session->log_fd);
	close_descriptor(session->log_pipe[0]);
	workflow_destroy(session->workflow);
	map_finish(&session->owed_trust, NULL);
	if (session->secrets != NULL) {
		runner_secrets_destroy(session->secrets);
	}
	config_unref(session->config);
	arena_finish(&session->arena);
}
