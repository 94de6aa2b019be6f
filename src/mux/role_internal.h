/* role_internal.h: what the files of roles share (inside mux/).
 *
 *   role.c      the modes: who is asked when, and what becomes of it all
 *   role_ask.c  one backend: turn, attempt, back-off, the next attempt
 *   role_tell.c a failure in words                              role_probe.c  for `doctor`
 *   retry.c     classes of failures, and how long to wait
 *   gate.c      whose turn it is: caps, pauses, requests per minute
 *   named.c, named_http.c   the backends of [backends.*], made when they are first asked
 *   mock.c      backend: canned replies */
#ifndef LLMMUX_MUX_ROLE_INTERNAL_H
#define LLMMUX_MUX_ROLE_INTERNAL_H

#include "config/runner.h"
#include "mux/gate.h"
#include "mux/mux_internal.h"
#include "mux/role.h"

/* ---- classes and waits (workflows.md 2.4) ---- */
#define RETRY_MAX_WAIT_MS 60000              /* of the formula, before jitter */
#define RETRY_MAX_SERVER_WAIT_MS 300000      /* of what a server says */
#define RETRY_JITTER_ONE (UINT32_C(1) << 20) /* what a jitter is below */

/* What an attempt that ended with `error` is; the report of its call. */
enum role_failure role_failure_of(const struct error *error, const struct mux_report *report);
/* Gives the error the kind that says the same to who knows kinds alone (failure_class_of). */
void role_failure_set_kind(enum role_failure failure, struct error *error);
/* Whether such a failure is tried again at all, by the backend's switches. */
bool role_failure_is_retried(enum role_failure failure, const struct runner_backend *settings);
/* base * 2^attempt, at most RETRY_MAX_WAIT_MS, and up to a quarter more: `attempt` from 0, `jitter`
 * below RETRY_JITTER_ONE. */
uint64_t retry_backoff_ms(uint64_t base_ms, unsigned attempt, uint32_t jitter);
/* The wait before another attempt: what the server said, within its bounds, else the formula. */
uint64_t retry_wait_ms(const struct error *error, const struct runner_backend *settings,
	unsigned attempt, uint32_t jitter);

/* ---- backends by name ---- */
/* One on one loop: of the configuration, or a model of the registry. */
struct named_backend {
	const char *name;
	const struct runner_backend *settings; /* of a model: the defaults */
	bool is_model;
	uint64_t timeout_ms; /* per attempt; 0: none */
	int64_t max_tokens;  /* -1: not said */
	struct gate_lane lane;
	/* Made at the first use: */
	bool is_made;
	struct backend *backend; /* NULL for a model, and when it could not be made */
	struct slice model, system;
	struct error error; /* why it could not */
	struct arena arena;
};
struct ask_attempt;
/* All of one loop. */
struct named_backends {
	struct mux_loop *mux_loop;
	struct gate gate;
	struct map by_name;            /* -> struct named_backend */
	struct ask_attempt *disposals; /* attempts that are over, freed at the end of the turn */
	struct runner_backend model_settings;
};
struct named_backends *named_create(struct mux_loop *mux_loop);
void named_destroy(struct named_backends *named);
/* Never NULL: one that does not exist says so when it is made. */
struct named_backend *named_find(struct named_backends *named, struct slice name);
/* Expands and makes what calls need. False with *error: disabled, unknown, or why it cannot be
 * asked (named_backend.error, which stays). */
bool named_make(struct named_backends *named, struct named_backend *backend, struct error *error);

/* The backend of an HTTP kind out of its expanded settings. */
struct named_http {
	struct slice base_url; /* checked */
	struct slice key;      /* absent: none is sent */
	struct option_map headers;
};
/* False with *error: a variable that is not set, a URL that is none. */
bool named_http_read(const struct mux *mux, const struct runner_backend *settings,
	struct arena *arena, struct named_http *http, struct error *error);
struct backend *named_http_create(struct mux *mux, struct arena *arena,
	const struct runner_backend *settings, const struct named_http *http, struct error *error);
/* runner_expand of a setting: `key` as in "api_key". */
bool named_expand(const struct mux *mux, const struct runner_backend *settings, const char *key,
	struct slice text, struct arena *arena, struct slice *out, struct error *error);

struct backend *mock_create(const struct runner_backend *settings, struct error *error);

/* ---- one backend of a role call ---- */
enum ask_state {
	ASK_IDLE,       /* not begun */
	ASK_WAITING,    /* for its turn */
	ASK_RUNNING,    /* an attempt is under way */
	ASK_CONCLUDING, /* it ended: judged at the end of the turn */
	ASK_BACKING_OFF,
	ASK_ENDED
};

struct role_call;

struct ask {
	struct role_call *call;
	struct role_answer *answer;
	struct named_backend *backend;
	enum ask_state state;
	struct gate_waiter turn;
	struct ask_attempt *attempt;
	struct loop_timer backoff;
	struct loop_deferred deferred;
	struct buf text;    /* of the attempt */
	struct buf classes; /* of the failed attempts: "rate_limit, timeout" */
	uint64_t began_ms;
	bool is_limited_by_call; /* the attempt's time is the call's, not the backend's */
};

struct role_call {
	struct mux_loop *mux_loop;      /* NULL: it is gone */
	struct role_call *next, **link; /* in mux_loop->role_calls */
	struct role_plan plan;
	struct role_request request;
	struct ask *asks; /* in the plan's order */
	struct role_answer *answers;
	size_t asked; /* first and fallback: how many have begun */
	size_t ended;
	bool is_done, is_released;
	struct loop_timer deadline;
	struct loop_deferred deferred;
};

/* Not begun. The answer's members are set to "nothing yet". */
void ask_init(struct ask *ask, struct role_call *call, struct role_answer *answer,
	struct slice backend_name);
/* Begins; role_ask_ended follows, maybe at once (it cannot be asked). */
void ask_begin(struct ask *ask);
/* Ends it as failed for another reason than an attempt's; nothing of it runs any more. Does not
 * tell anybody. */
void ask_stop(struct ask *ask, enum role_failure failure, const struct error *error);
/* Nothing follows; frees. */
void ask_finish(struct ask *ask);
/* Frees the attempts that are over: the loop will not do it. */
void ask_dispose_all(struct named_backends *named);
/* In role.c: the calls that are left end without a word; their loop goes away. */
void role_abandon_all(struct mux_loop *mux_loop);
/* In role.c: the backend answered or failed for good. */
void role_ask_ended(struct ask *ask);
/* Calls on_progress; the call may be released when it returns. */
void role_tell_progress(struct ask *ask, struct role_progress *progress);

/* ---- words ---- */
/* Another message; everything else that the error tells stays. */
void role_set_message(struct error *error, struct slice text);
/* Fills answer->error.message and answer->reason of a failed one from its members. */
void role_explain_answer(struct ask *ask);
/* Fills result->error and explanation of a failed call. */
void role_explain_result(const struct role_call *call, struct role_result *result, size_t needed);

#endif
