/* mux.h: the middle of the house: send a chat request to whatever can best answer it, and stream
 * back what happens. Retry, failover, classification, usage and the truth about streams live here,
 * once.
 *
 *   mux (instance: snapshot of configuration, registry, pools of accounts; shared by all loops)
 *    └ mux_loop (one per loop: its HTTP client)
 *       └ mux_call (one request): route -> attempt on a backend -> hold -> sink
 *
 * The events a call sends its sink keep the invariants of chat/event.h. Nothing is sent before the
 * first real event of an attempt (or the hold time), so a failure before it can move to another
 * account and the sink sees at most one start. */
#ifndef LLMMUX_MUX_MUX_H
#define LLMMUX_MUX_MUX_H

#include "base/log.h"
#include "chat/event.h"
#include "config/config.h"
#include "formats/format.h"
#include "loop/loop.h"
#include "net/client.h"

struct mux;
struct mux_loop;
struct mux_call;
struct process_variable;
struct process_watchdog;
struct runner_secrets;

/* What hosts say their models are, by provider id. */
struct mux_found_list {
	struct slice provider;
	struct slice *models;
	size_t count;
};
struct mux_found {
	struct mux_found_list *items;
	size_t len, cap;
};
/* Asks every enabled provider without a list of its own whose models only its host knows (Ollama),
 * and `also` (may be NULL) as if it were one of the configuration: all at once, at most limit_ms.
 * Blocks; who does not answer is not in the list. Everything is in the arena. */
void mux_discover(const struct config *config, const struct config_provider *also,
	const char *user_agent, unsigned limit_ms, struct arena *arena, struct mux_found *found);
/* NULL when it did not answer, or for no list. */
const struct mux_found_list *mux_found_of(const struct mux_found *found, struct slice provider);

struct mux_options {
	struct config *config;         /* a reference is taken */
	const struct mux_found *found; /* of mux_discover, copied; NULL: nobody was asked */
	struct log *log;
	const struct tokens *tokens; /* vocabularies, which outlive the mux and its loops; may be
					NULL: counts are estimates */
	const char *user_agent;
	/* For backends of the runner (config/runner.h), all of which outlive the mux: where ${VAR}
	 * is looked up (NULL: this process's environment), who is told of secrets (may be NULL),
	 * and who kills commands should this process die (may be NULL). */
	char *const *environment;
	struct runner_secrets *secrets;
	struct process_watchdog *watchdog;
};

/* NULL and an error when the configuration makes no usable instance. */
struct mux *mux_create(const struct mux_options *options, struct error *error);
/* All mux_loops must be gone. Accepts NULL. */
void mux_destroy(struct mux *mux);
/* The snapshot it was made of. */
const struct config *mux_config(const struct mux *mux);
const struct tokens *mux_tokens(const struct mux *mux);

/* The part of one loop, used on its thread alone. NULL and an error when there is no client. */
struct mux_loop *mux_loop_create(struct mux *mux, struct loop *loop, struct error *error);
/* Cancels the calls that are left. Accepts NULL. */
void mux_loop_destroy(struct mux_loop *mux_loop);
struct mux *mux_loop_mux(struct mux_loop *mux_loop);

/* How the program of a command backend ended. */
struct command_outcome {
	int exit_code;           /* 128 + N for signal N; -1: it never ran */
	struct slice err;        /* the end of its stderr */
	struct slice out;        /* its stdout as far as it came, when it failed */
	const struct json *data; /* what stdout was, for backends with `json`; or NULL */
	bool is_repaired;        /* stdout was not UTF-8: bad bytes became U+FFFD */
};

/* What became of a call, for logs, usage and response headers. Valid as long as the call. */
struct mux_report {
	/* As it was routed: the client's, or a copy that also says what the suffix of the model's
	 * name says (RE-6). */
	const struct chat_request *request;
	const char *backend; /* "openai", "demo"; NULL before the first attempt */
	const char *
		account; /* label, never a secret: "openai#1"; NULL for backends without accounts */
	struct slice upstream_model;
	enum format_id upstream_format;
	unsigned attempts;
	bool is_spliced;
	bool forces_name; /* answers say the name the client asked for (CC-7, force-mapping) */
	bool is_estimated_count;
	const struct chat_losses *losses; /* of the attempt that answers */
	struct http_headers returned;     /* of the upstream's answer, for the client (RT-6) */
	struct chat_usage usage;
	const struct embed_response *embedded; /* of mux_embed, at `end`; NULL when it failed */
	const struct command_outcome *command; /* of the last attempt; NULL: no program ended */
	uint64_t first_event_ns; /* clock_monotonic_ns of the first real event; 0 = none */
	/* Of the last attempt, for messages: */
	int upstream_status;  /* of its HTTP answer; 0: there was none */
	bool was_cut;         /* its answer broke off: the connection, not what was said */
	struct slice warning; /* worth a line although it was answered; absent: nothing */
};

struct mux_request {
	/* Lives until the call is released, and so does its arena, which the call allocates from.
	 * When the call is released inside on_event both must stay until that callback's caller is
	 * through: let go of them at the end of the turn (loop_defer, or the exchange's on_done).
	 */
	const struct chat_request *request;
	struct chat_sink *sink;
	bool takes_wire; /* the sink can write WIRE events: splice when the formats are the same */
	const struct http_headers *client_headers; /* may be NULL */
	/* When the call must be over, on the loop's clock; 0: never. At that time it fails with
	 * ERROR_TIMEOUT (a command a moment later: it is given time to stop). */
	uint64_t deadline_ms;
	/* For backends that run commands: the directory (NULL: this process's) and further
	 * variables of the environment, behind the backend's own. They live as the request. */
	const char *cwd;
	const struct process_variable *variables;
	size_t variable_count;
};

/* Starts a call; never sends an event before it returns (also errors come later on the loop). The
 * sink gets `end` as the last event, always, except after mux_call_release. A call that fails
 * before its first real event sends `error` and `end` alone, without a `start`. A stream that has
 * none within streaming.hold-timeout sends a `start` (without id when the upstream was silent), so
 * that the head can leave. For CHAT_OP_COUNT the count is usage.input_uncached of start, usage,
 * finish, end.
 */
struct mux_call *mux_submit(struct mux_loop *mux_loop, const struct mux_request *request);
/* As mux_submit, for an embedding request, which lives as the chat request does there. The sink
 * gets start, usage, finish and end, or error and end; the vectors are report->embedded and live
 * until the call is released. */
struct mux_call *mux_embed(struct mux_loop *mux_loop, const struct embed_request *request,
	struct chat_sink *sink, const struct http_headers *client_headers);
/* The report; is_spliced and what is beside it are final when the first event is sent. */
const struct mux_report *mux_call_report(const struct mux_call *call);
/* Back-pressure from the sink; allowed inside on_event. */
void mux_call_pause(struct mux_call *call);
void mux_call_resume(struct mux_call *call);
/* The caller is gone: the upstream is cancelled at once, no event follows. Frees the call. Allowed
 * inside on_event and after `end`. Every call must be released by this, exactly once. */
void mux_call_release(struct mux_call *call);

/* ---- models ---- */
struct mux_model {
	struct slice id; /* what a client asks for */
	const char *owned_by;
	const char *display_name;
	int64_t context_tokens, max_output_tokens;
	uint32_t capabilities; /* enum model_capability; 0 unknown */
	bool is_demo;
};
/* The models that can be called, sorted by id. The array lives as long as the mux. */
const struct mux_model *mux_models(const struct mux *mux, size_t *count);
/* By id, alias or provider://model; NULL when unknown. */
const struct mux_model *mux_find_model(const struct mux *mux, struct slice id);
/* Whether a call for the model would have somewhere to go; the error it would get otherwise. The
 * arena is scratch. */
bool mux_check_model(
	const struct mux *mux, struct slice id, struct arena *arena, struct error *error);
/* The ERROR_NOT_FOUND that a call for an unknown model gets, with the nearest names. */
void mux_explain_unknown(const struct mux *mux, struct slice id, struct error *error);
/* True when some account or backend beyond the demo can serve. */
bool mux_is_ready(const struct mux *mux);
/* Backends with their accounts, for `doctor` and start-up lines: calls visit for each. */
struct mux_backend_info {
	const char *name, *type, *base_url;
	size_t accounts, keys, models; /* an account without a key is one that needs none */
	bool takes_any_model;          /* also models that are not listed */
	bool is_demo;
};
void mux_each_backend(const struct mux *mux,
	void (*visit)(const struct mux_backend_info *info, void *data), void *data);

#endif
