/* query.c: asks a role for a task: the record, the budget, the call, and the shape of what came
 * back (workflows.md 3.3). */
#include "workflow/query.h"

#include "base/clock.h"
#include "base/encoding.h"
#include "data/extract.h"

/* ---- the shape of the result ---- */

static const enum failure_class classes[ROLE_FAILURE_COUNT] = {
	[ROLE_FAILURE_NONE] = FAILURE_EXECUTION,
	[ROLE_FAILURE_TIMEOUT] = FAILURE_TIMEOUT,
	[ROLE_FAILURE_RATE_LIMIT] = FAILURE_RATE_LIMIT,
	[ROLE_FAILURE_NETWORK] = FAILURE_NETWORK,
	[ROLE_FAILURE_UNAVAILABLE] = FAILURE_UNAVAILABLE,
	[ROLE_FAILURE_PARSE] = FAILURE_PARSE,
	[ROLE_FAILURE_AUTH] = FAILURE_AUTH,
	[ROLE_FAILURE_CONFIG] = FAILURE_CONFIG,
	[ROLE_FAILURE_EXECUTION] = FAILURE_EXECUTION,
	[ROLE_FAILURE_CANCELLED] = FAILURE_CANCELLED,
};

static enum failure_class class_of(enum role_failure failure) {
	return (unsigned)failure < ROLE_FAILURE_COUNT ? classes[failure] : FAILURE_EXECUTION;
}

static bool accept(void *data, struct slice text, struct error *error) {
	const struct query *query = data;
	const struct json *ignored;
	return answer_check(query->step, text, &query->task->arena, &ignored, error);
}

static void take_success(struct query *query, const struct role_answer *answer) {
	struct arena *arena = &query->task->run->arena;
	struct step_result *result = query->result;
	struct slice name = arena_dup(arena, slice_of(answer->backend));
	struct slice text = text_repair(answer->text, arena);
	*ARENA_PUSH(arena, &result->outputs) = (struct step_output){
		.name = name,
		.text = text,
		.data = answer->data != NULL ? answer->data : extract_json(arena, text, NULL),
		.model = arena_dup(arena, answer->model),
		.duration_ms = answer->duration_ms,
	};
	*ARENA_PUSH(arena, &result->backends) = name;
}

static void take_failure(struct query *query, const struct role_answer *answer) {
	if (answer->failure == ROLE_FAILURE_NONE || answer->is_cancelled) {
		return; /* it was not needed */
	}
	struct arena *arena = &query->task->run->arena;
	*ARENA_PUSH(arena, &query->result->failed_backends) = (struct step_output){
		.name = arena_dup(arena, slice_of(answer->backend)),
		.text = text_repair(answer->text, arena),
		.duration_ms = answer->duration_ms,
		.is_failed = true,
		.error = arena_dup(arena, slice_of(answer->error.message)),
	};
}

static void take_usage(struct query *query, const struct role_answer *answer) {
	struct step_usage usage;
	usage_of_answer(query->task->run, answer, &usage);
	if (usage.is_known) {
		usage_add(&query->result->usage, &usage);
		run_spend(query->task->run, &usage);
	}
}

/* 3.3: one text as it is; several backends at once as blocks. */
static void take_output(struct query *query) {
	struct step_result *result = query->result;
	if (result->outputs.len == 0) {
		return;
	}
	const struct step_output *first = &result->outputs.items[0];
	result->output = first->text;
	if (query->plan.mode == ROLE_PARALLEL) {
		struct output_blocks blocks = {.arena = &query->task->run->arena};
		for (size_t i = 0; i < result->outputs.len; i++) {
			output_blocks_add(&blocks, result->outputs.items[i].name,
				result->outputs.items[i].text);
		}
		result->output = output_blocks_text(&blocks);
	}
	result->backend = first->name;
	result->model = first->model;
	result->data = first->data;
}

/* Which of the backends decided: the last that was asked and failed so. */
static const struct role_answer *deciding(const struct role_result *answered) {
	const struct role_answer *found = NULL;
	for (size_t i = 0; i < answered->count; i++) {
		const struct role_answer *answer = &answered->answers[i];
		bool fits = found == NULL || found->failure != answered->failure ||
			    answer->failure == answered->failure;
		if (!answer->is_success && answer->was_asked && fits) {
			found = answer;
		}
	}
	return found;
}

/* The raw text of a failed answer stays visible (2.7), and what its program said is kept. */
static void take_error(struct query *query, const struct role_result *answered) {
	struct arena *arena = &query->task->run->arena;
	struct step_result *result = query->result;
	const struct role_answer *answer = deciding(answered);
	query->class = class_of(answered->failure);
	query->message = arena_dup(arena, answered->explanation.data != NULL
						  ? answered->explanation
						  : slice_of(answered->error.message));
	query->retry_after_ms = answered->error.retry_after_ms;
	result->has_error = true;
	result->error = (struct step_error){.exit_code = -1};
	if (answer != NULL) {
		result->error.backend = arena_dup(arena, slice_of(answer->backend));
		result->error.exit_code = answer->exit_code;
		result->error.http_status = answer->http_status;
		result->error.err = text_repair(answer->err, arena);
		result->error.out = text_repair(answer->text, arena);
		if (result->output.len == 0) {
			result->output = result->error.out;
		}
	}
	const struct limit *limit = &query->task->limit;
	if (query->class == FAILURE_TIMEOUT && limit->at_ms != 0 &&
		loop_now_ms(query->task->run->options.loop) >= limit->at_ms) {
		char text[CLOCK_TEXT_MAX];
		clock_format_duration((int64_t)limit->limit_ms, text);
		query->message = arena_printf(arena, "ran into %s time limit of %s: %.*s",
			limit->what, text, SLICE_FMT(query->message));
		result->error.limit_of = limit->what;
	}
}

/* ---- ends ---- */

static void end(struct query *query, bool is_ok) {
	query->is_ok = is_ok;
	query->on_done(query);
}

static void on_later(struct loop_deferred *deferred) {
	struct query *query = deferred->data;
	end(query, query->is_ok);
}

static void end_later(struct query *query, bool is_ok) {
	query->is_ok = is_ok;
	query->later = (struct loop_deferred){.fn = on_later, .data = query};
	loop_defer(query->task->run->options.loop, &query->later);
}

/* A paid answer is recorded before anything is done with it, also one that was no good. */
static void record(struct query *query) {
	struct run *run = query->task->run;
	struct step_result *result = query->result;
	if (result->output.len == 0 || (!query->is_ok && query->class != FAILURE_PARSE)) {
		return;
	}
	struct step_result copy = *result;
	copy.step = query->step;
	copy.status = STEP_OK; /* the call was completed, whatever is thought of its answer */
	copy.has_error = !query->is_ok;
	copy.prompt = slice_make(NULL, 0);
	if (!query->is_ok) {
		copy.error.class = query->class;
		copy.error.message = query->message;
	}
	record_call_ended(run, query->key, slice_of(query->prompt_hash), &copy);
}

static void put_in_cache(struct query *query);

static void on_answered(void *data, const struct role_result *answered) {
	struct query *query = data;
	struct step_result *result = query->result;
	result->outputs_are_named = true;
	for (size_t i = 0; i < answered->count; i++) {
		const struct role_answer *answer = &answered->answers[i];
		if (answer->is_success) {
			take_success(query, answer);
		} else {
			take_failure(query, answer);
		}
		take_usage(query, answer);
		if (answer->warning.len > 0) {
			run_inform(query->task->run, RUN_EVENT_WARNING, query->task->step,
				"%s: %.*s", answer->backend, SLICE_FMT(answer->warning));
		}
	}
	take_output(query);
	query->is_ok = answered->is_success;
	if (!answered->is_success) {
		take_error(query, answered);
	}
	record(query);
	put_in_cache(query);
	end(query, query->is_ok);
}

/* Displays mask pieces one by one: a piece never ends within what may be a secret. `piece` is what
 * can be shown now. */
static struct slice hold_back(
	struct query *query, const char *backend, struct slice piece, bool is_last) {
	struct arena *arena = &query->task->arena;
	struct runner_secrets *secrets = query->task->run->options.secrets;
	size_t at = 0;
	while (at < query->plan.backend_count && !slice_is(query->plan.backends[at], backend)) {
		at++;
	}
	if (secrets == NULL || at == query->plan.backend_count) {
		return piece;
	}
	if (query->held == NULL) {
		query->held = ARENA_ARRAY(arena, struct slice, query->plan.backend_count);
	}
	struct slice *held = &query->held[at];
	if (held->len > 0) {
		piece = arena_printf(arena, "%.*s%.*s", SLICE_FMT(*held), SLICE_FMT(piece));
	}
	size_t pending = is_last ? 0 : runner_secrets_pending(secrets, piece);
	*held = pending > 0 ? arena_dup(arena, slice_from(piece, piece.len - pending))
			    : (struct slice){0};
	return slice_sub(piece, 0, piece.len - pending);
}

static void tell_piece(struct query *query, const char *backend, struct slice piece, bool is_last) {
	struct task *task = query->task;
	if (task->run->options.streams) {
		piece = hold_back(query, backend, piece, is_last);
	}
	if (task->run->options.streams && piece.len > 0) {
		run_tell(task->run, &(struct run_event){.type = RUN_EVENT_STEP_OUTPUT,
					    .step = task->step,
					    .backend = slice_of(backend),
					    .text = piece});
	}
}

static void on_progress(void *data, const struct role_progress *progress) {
	struct query *query = data;
	struct task *task = query->task;
	struct run_event event = {.step = task->step,
		.backend = slice_of(progress->backend),
		.text = progress->text,
		.done = progress->ended,
		.of = progress->total};
	switch (progress->kind) {
	case ROLE_PROGRESS_TEXT:
		tell_piece(query, progress->backend, progress->text, false);
		return;
	case ROLE_PROGRESS_RETRYING:
		if (query->held != NULL) {
			hold_back(query, progress->backend, (struct slice){0}, true);
		}
		event.type = RUN_EVENT_STEP_RETRY;
		event.retry_in_ms = progress->retry_in_ms;
		event.error = &(struct step_error){
			.class = failure_class_of(progress->error->kind),
			.message = slice_of(progress->error->message),
			.backend = event.backend,
			.http_status = progress->error->http_status,
			.exit_code = -1,
			.attempt = progress->attempt,
		};
		run_tell(task->run, &event);
		return;
	case ROLE_PROGRESS_ENDED:
		tell_piece(query, progress->backend, (struct slice){0}, true);
		/* fall through */
	case ROLE_PROGRESS_STARTED:
		if (progress->total < 2) {
			return;
		}
		event.type = RUN_EVENT_STEP_PROGRESS;
		break;
	}
	run_tell(task->run, &event);
}

/* ---- starting ---- */

/* What an answer depends on: the same question to the same backends. */
static void hash_question(struct query *query) {
	struct buf text;
	buf_init(&text, 0);
	const struct slice parts[] = {query->prompt, query->system, query->schema};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		buf_printf(&text, "%zu:", parts[i].len);
		buf_append(&text, parts[i]);
	}
	buf_printf(&text, "%d:", (int)query->plan.mode);
	for (size_t i = 0; i < query->plan.backend_count; i++) {
		buf_append(&text, query->plan.backends[i]);
		buf_append_byte(&text, ',');
	}
	uint8_t hash[SHA256_LEN];
	sha256(buf_slice(&text), hash);
	hex_encode(hash, sizeof hash, query->prompt_hash);
	buf_finish(&text);
}

/* What was kept of an answer. The lists are not ours to grow. */
static void take_kept(struct query *query, const struct step_result *kept) {
	struct step_result *result = query->result;
	result->output = kept->output;
	result->outputs.items = kept->outputs.items;
	result->outputs.len = kept->outputs.len;
	result->outputs.cap = 0;
	result->outputs_are_named = kept->outputs_are_named;
	result->backend = kept->backend;
	result->backends.items = kept->backends.items;
	result->backends.len = kept->backends.len;
	result->backends.cap = 0;
	result->failed_backends.items = kept->failed_backends.items;
	result->failed_backends.len = kept->failed_backends.len;
	result->failed_backends.cap = 0;
	result->data = kept->data;
	result->model = kept->model;
}

/* An answer of this run's record that was lost with the process. */
static bool take_recorded(struct query *query) {
	struct run *run = query->task->run;
	const struct step_result *recorded =
		record_find_call(run, query->step, query->key, slice_of(query->prompt_hash));
	if (recorded == NULL) {
		return false;
	}
	take_kept(query, recorded);
	usage_add(&query->result->usage, &recorded->usage);
	query->result->has_error = recorded->has_error;
	query->result->error = recorded->error;
	if (recorded->has_error) {
		query->class = recorded->error.class;
		query->message = recorded->error.message;
	}
	end_later(query, !recorded->has_error);
	return true;
}

/* ---- the cache: opt-in, of answers alone ---- */

static const char *cache_dir(const struct query *query) {
	return response_cache_dir(query->task->run->options.environment, &query->task->arena);
}

/* It costs nothing, so it uses nothing. */
static bool take_cached(struct query *query) {
	const struct run *run = query->task->run;
	const char *dir = cache_dir(query);
	if (!query->is_cached || dir == NULL) {
		return false;
	}
	response_cache_key(
		run->runner, &query->plan, slice_of(query->prompt_hash), query->cache_key);
	const struct step_result *cached =
		run->options.ignores_cache
			? NULL
			: response_cache_find(dir, query->cache_key, query->step->cache_ttl_ms,
				  query->step, &query->task->run->arena);
	if (cached == NULL) {
		return false;
	}
	take_kept(query, cached);
	query->result->is_from_cache = true;
	end_later(query, true);
	return true;
}

static void put_in_cache(struct query *query) {
	struct run *run = query->task->run;
	struct error error = {0};
	const char *dir = cache_dir(query);
	if (!query->is_cached || !query->is_ok || dir == NULL) {
		return;
	}
	struct step_result copy = *query->result;
	copy.status = STEP_OK;
	copy.step = query->step;
	copy.prompt = slice_make(NULL, 0);
	if (!response_cache_put(dir, query->cache_key, &copy, run->options.secrets,
		    &query->task->arena, &error)) {
		run_inform(run, RUN_EVENT_WARNING, query->task->step,
			"its answer is not in the response cache: %s", error.message);
	}
}

void query_start(struct query *query) {
	struct task *task = query->task;
	struct run *run = task->run;
	const struct workflow_step *step = query->step;
	if (step->output_schema != NULL) {
		struct buf schema;
		buf_init(&schema, 0);
		schema_write(step->output_schema, false, &schema);
		query->schema = arena_dup(&task->arena, buf_slice(&schema));
		buf_finish(&schema);
	}
	hash_question(query);
	query->retry_after_ms = -1;
	if (take_recorded(query) || take_cached(query)) {
		return;
	}
	struct error error = {0};
	if (!cost_allows(run, &query->plan, query->prompt, &error)) {
		query->class = failure_class_of(error.kind);
		query->message = arena_dup(&run->arena, slice_of(error.message));
		end_later(query, false);
		return;
	}
	struct role_request request = {
		.plan = &query->plan,
		.prompt = query->prompt,
		.system = query->system,
		.schema = query->schema,
		.arena = &run->arena,
		.deadline_ms = task->limit.at_ms,
		.cwd = query->cwd != NULL ? query->cwd : run->options.dir,
		.variables = query->variables,
		.variable_count = query->variable_count,
		.streams = run->options.streams,
		.accept = step->output_schema != NULL || step->needs_json ? accept : NULL,
		.on_progress = on_progress,
		.on_done = on_answered,
		.data = query,
	};
	query->call = role_submit(run->options.mux_loop, &request);
}

void query_release(struct query *query) {
	loop_defer_cancel(&query->later);
	if (query->call != NULL) {
		role_call_release(query->call);
		query->call = NULL;
	}
}
