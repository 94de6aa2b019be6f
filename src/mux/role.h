/* role.h: a request to a role: one backend or several, one after the other or at once
 * (workflows.md 3).
 *
 *   role_submit(plan, request) ──► on_progress* ──► on_done(result: one entry per backend asked)
 *     └ per backend: attempts with back-off ─► mux call ─► fold
 *
 * A plan is a value: teams and steps have been resolved into it by the caller. It lives here and
 * not in the runner because a role will be a model of the gateway too. Every attempt is an ordinary
 * mux call: the same usage and errors as the gateway's.
 *
 * A name is that of a backend of the configuration ([backends.*], config/runner.h); one with a `/`
 * is a model of the registry ("demo/echo", "openai://gpt-4.1"), asked with the default settings.
 *
 * Caps, pauses after a rate limit and counts of a mock are those of one mux_loop: the runner has
 * one loop. */
#ifndef LLMMUX_MUX_ROLE_H
#define LLMMUX_MUX_ROLE_H

#include "mux/mux.h"

enum role_mode {
	ROLE_FIRST,    /* the first backend that is available; its failure is final (D2) */
	ROLE_FALLBACK, /* in order until one succeeds */
	ROLE_PARALLEL  /* all at once; min_success of them must succeed */
};
/* "first", "fallback", "parallel", NULL. */
extern const char *const role_mode_names[];

struct role_plan {
	const char *name; /* of the role or backend, for messages */
	enum role_mode mode;
	const struct slice *backends; /* names, in order */
	size_t backend_count;
	unsigned min_success;  /* parallel; 0 = 1 */
	bool cancels_rest;     /* parallel: once min_success is reached */
	bool first_falls_over; /* defaults.first_falls_over */
};

/* Why a backend failed (workflows.md 2.4, 5.7). */
enum role_failure {
	ROLE_FAILURE_NONE,
	ROLE_FAILURE_TIMEOUT,
	ROLE_FAILURE_RATE_LIMIT,
	ROLE_FAILURE_NETWORK,     /* not reached, broken off, or a failure of the server (5xx) */
	ROLE_FAILURE_UNAVAILABLE, /* disabled, no program, no key: not asked at all */
	ROLE_FAILURE_PARSE,       /* the answer makes no sense, or `accept` refused it */
	ROLE_FAILURE_AUTH,
	ROLE_FAILURE_CONFIG,    /* the request or the configuration is wrong */
	ROLE_FAILURE_EXECUTION, /* a program that failed for another reason */
	ROLE_FAILURE_CANCELLED, /* not needed any more */
	ROLE_FAILURE_COUNT
};
/* "none", "timeout", "rate_limit", "network", "unavailable", "parse_error", "auth_error",
 * "config_error", "execution", "cancelled", NULL. */
extern const char *const role_failure_names[];

struct role_progress;
struct role_result;
struct process_variable;

/* What it points to lives until the call is released, but for the plan's and the request's own
 * structs, which are copied. */
struct role_request {
	const struct role_plan *plan;
	struct slice prompt;
	struct slice system;  /* absent: the backend's own */
	struct slice schema;  /* JSON Schema for a native JSON mode of an API, which is used when it
				 is  of an object; absent: none */
	struct arena *arena;  /* results live in it; must outlive the call */
	uint64_t deadline_ms; /* on the loop's clock (loop_now_ms); 0: none */
	const char *cwd;      /* of command backends */
	const struct process_variable *variables; /* further, for command backends */
	size_t variable_count;
	bool streams; /* ask for streams, and send on_progress TEXT */
	/* A backend's text is checked when it has answered; false with an error makes that backend
	 * a failed one (output_schema with parallel roles, 2.7). May be NULL. */
	bool (*accept)(void *data, struct slice text, struct error *error);
	void (*on_progress)(void *data, const struct role_progress *progress); /* may be NULL */
	void (*on_done)(void *data, const struct role_result *result);
	void *data;
};

enum role_progress_kind {
	ROLE_PROGRESS_STARTED,  /* an attempt of a backend */
	ROLE_PROGRESS_TEXT,     /* a piece of its answer */
	ROLE_PROGRESS_RETRYING, /* it failed and is asked again in retry_in_ms; its TEXT is void */
	ROLE_PROGRESS_ENDED     /* it answered or failed for good, or was not asked at all */
};
struct role_progress {
	enum role_progress_kind kind;
	const char *backend;
	unsigned attempt; /* from 1 */
	struct slice text;
	const struct error *error; /* RETRYING; ENDED with failure */
	uint64_t retry_in_ms;
	size_t ended, total; /* backends, for "2 of 3" */
};

/* What one backend did. */
struct role_answer {
	const char *backend;
	bool was_asked; /* false: disabled, unavailable or not needed; `error` says why */
	bool is_success;
	bool is_cancelled; /* not needed, or not any more */
	struct slice text; /* partial when it failed in the middle */
	struct slice model;
	struct chat_usage usage; /* of all attempts that told one */
	unsigned attempts, max_attempts;
	uint64_t duration_ms;
	enum role_failure failure;
	struct error error;   /* the last one; message holds class, exit or HTTP code, attempts */
	int exit_code;        /* command backends; -1: none */
	int http_status;      /* of the last answer; 0: there was none */
	struct slice err;     /* the tail of a command's stderr */
	struct slice warning; /* "the answer was cut at max_tokens"; absent: none */
	struct slice reason;  /* the failure in one line that begins with the backend's name */
	const struct json *data; /* backends with `json`: what stdout was */
};
struct role_result {
	bool is_success;
	const struct role_answer *answers; /* in the plan's order */
	size_t count;
	const struct role_answer *first; /* the first success in the plan's order, or NULL */
	enum role_failure failure;       /* of the backend that decided */
	struct error error; /* when it failed: what was wanted, and one line per backend (3.2) */
	struct slice explanation; /* the same whole, however many backends there are */
};

struct role_call;
/* Never calls back before it returns. */
struct role_call *role_submit(struct mux_loop *mux_loop, const struct role_request *request);
/* Cancels what runs; no callback follows. Frees. Exactly once, also after on_done; allowed in every
 * callback, and even after the mux_loop is gone. */
void role_call_release(struct role_call *call);

/* Why a backend cannot be asked now, for `doctor`, `first` and messages: true when it can. Names
 * the program not found, the variable not set, or that it is disabled. */
bool role_backend_is_available(
	struct mux *mux, const char *name, struct arena *arena, struct error *error);

struct role_probe;
/* As role_backend_is_available, and an API is asked for its list of models (workflows.md 2.2), five
 * seconds at most. on_done comes once, later; `error` is NULL when all is well. */
struct role_probe *role_probe_start(struct mux_loop *mux_loop, const char *name,
	void (*on_done)(void *data, const struct error *error), void *data);
/* No callback follows. Exactly once, before the mux_loop goes; allowed in on_done. Accepts NULL. */
void role_probe_release(struct role_probe *probe);

#endif
