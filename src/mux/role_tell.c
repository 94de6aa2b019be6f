/* role_tell.c: failures of a role in words: one line per backend with its class, exit or HTTP code,
 * attempts, and the first line of what its program said (workflows.md 3.2). */
#include "base/clock.h"
#include "mux/role_internal.h"

/* Of what programs and servers say: the rest is in the run's directory. */
#define LINE_SHOWN 300

static struct slice first_line(struct slice text) {
	text = slice_trim(text);
	size_t end = slice_find_byte(text, '\n');
	text = slice_trim(end == SIZE_MAX ? text : slice_sub(text, 0, end));
	return slice_sub(text, 0, LINE_SHOWN);
}

static void add_time_limit(const struct ask *ask, struct buf *out) {
	if (ask->answer->http_status != 0 && ask->answer->http_status >= 400) {
		return;
	}
	if (ask->is_limited_by_call) {
		buf_append_str(out, ", the time limit of the step");
	} else if (ask->backend->timeout_ms > 0) {
		char limit[CLOCK_TEXT_MAX];
		clock_format_duration((int64_t)ask->backend->timeout_ms, limit);
		buf_printf(out, ", the backend's timeout of %s", limit);
	}
}

/* "rate_limit (HTTP 429), 3 attempts: rate_limit, network, rate_limit" */
static void add_class(const struct ask *ask, struct buf *out) {
	const struct role_answer *answer = ask->answer;
	buf_append_str(out, role_failure_names[answer->failure]);
	if (answer->http_status >= 400) {
		buf_printf(out, " (HTTP %d)", answer->http_status);
	} else if (answer->exit_code >= 0) {
		buf_printf(out, " (exit code %d)", answer->exit_code);
	}
	if (answer->failure == ROLE_FAILURE_TIMEOUT) {
		add_time_limit(ask, out);
	}
	if (answer->attempts == 1) {
		buf_append_str(out, ", 1 attempt");
	} else if (answer->attempts > 1) {
		buf_printf(out, ", %u attempts: %.*s", answer->attempts,
			SLICE_FMT(buf_slice(&ask->classes)));
	}
}

void role_set_message(struct error *error, struct slice text) {
	struct error said;
	error_set(&said, error->kind, "%.*s", SLICE_FMT(text));
	memcpy(error->message, said.message, sizeof error->message);
}

void role_explain_answer(struct ask *ask) {
	struct role_answer *answer = ask->answer;
	struct arena *arena = ask->call->request.arena;
	struct error *error = &answer->error;
	struct buf line;
	buf_init(&line, 0);
	if (answer->was_asked) {
		add_class(ask, &line);
	} else if (answer->is_cancelled) {
		buf_append_str(&line, "not asked");
	} else {
		buf_append_str(&line, "not asked, ");
		add_class(ask, &line);
	}
	struct slice said = slice_of(error->message), err = first_line(answer->err);
	buf_printf(&line, ": %.*s", SLICE_FMT(slice_trim(said)));
	if (err.len > 0 && !slice_contains(said, err)) {
		buf_printf(&line, "; stderr: %.*s", SLICE_FMT(err));
	}
	struct slice text = buf_slice(&line);
	answer->reason = arena_printf(arena, "%s: %.*s", answer->backend, SLICE_FMT(text));
	role_set_message(error, text);
	buf_finish(&line);
}

/* ---- the whole call ---- */

static size_t successes_of(const struct role_call *call) {
	size_t count = 0;
	for (size_t i = 0; i < call->plan.backend_count; i++) {
		count += call->answers[i].is_success ? 1 : 0;
	}
	return count;
}

static size_t asked_of(const struct role_call *call) {
	size_t count = 0;
	for (size_t i = 0; i < call->plan.backend_count; i++) {
		count += call->answers[i].was_asked ? 1 : 0;
	}
	return count;
}

/* What was wanted and did not happen. */
static void add_verdict(const struct role_call *call, size_t needed, struct buf *out) {
	const struct role_plan *plan = &call->plan;
	const char *name = plan->name != NULL ? plan->name : "the role";
	if (plan->backend_count == 0) {
		buf_printf(out, "%s has no backends", name);
	} else if (asked_of(call) == 0) {
		buf_printf(out, "%s: no backend can be asked", name);
	} else if (plan->mode == ROLE_PARALLEL) {
		buf_printf(out, "%s: %zu of %zu backends succeeded, %zu must", name,
			successes_of(call), plan->backend_count, needed);
	} else if (plan->backend_count == 1) {
		buf_printf(out, "%s failed", name);
	} else {
		buf_printf(out, "%s: no backend answered", name);
	}
}

/* The one whose failure the call's is: the last that could be asked, of a parallel one the first.
 */
static const struct role_answer *decider_of(const struct role_call *call) {
	const struct role_answer *found = NULL;
	for (size_t i = 0; i < call->plan.backend_count; i++) {
		const struct role_answer *answer = &call->answers[i];
		bool has_failed = !answer->is_success && !answer->is_cancelled &&
				  answer->failure != ROLE_FAILURE_UNAVAILABLE &&
				  answer->failure != ROLE_FAILURE_CANCELLED;
		if (has_failed && (found == NULL || call->plan.mode != ROLE_PARALLEL)) {
			found = answer;
		}
	}
	return found;
}

void role_explain_result(const struct role_call *call, struct role_result *result, size_t needed) {
	struct buf text;
	buf_init(&text, 0);
	add_verdict(call, needed, &text);
	for (size_t i = 0; i < call->plan.backend_count; i++) {
		const struct role_answer *answer = &call->answers[i];
		if (!answer->is_success && answer->reason.len > 0) {
			buf_printf(&text, "\n  %.*s", SLICE_FMT(answer->reason));
		}
	}
	const struct role_answer *decider = decider_of(call);
	result->failure = decider != NULL ? decider->failure : ROLE_FAILURE_UNAVAILABLE;
	result->explanation = arena_dup(call->request.arena, buf_slice(&text));
	error_set(&result->error, decider != NULL ? decider->error.kind : ERROR_UNAVAILABLE, "%.*s",
		SLICE_FMT(result->explanation));
	if (decider != NULL) {
		result->error.http_status = decider->error.http_status;
		result->error.retry_after_ms = decider->error.retry_after_ms;
	}
	buf_finish(&text);
}
