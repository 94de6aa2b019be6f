/* mux_internal.h: what the files of mux/ share.
 *
 *   mux.c       the instance and its loops
 *   registry.c  model name -> route (targets in order)      suffix.c      "model(high)"
 *   call.c      one request: route -> attempt -> hold -> observe -> sink, and the next attempt
 *   hold.c      keeps the beginning of an attempt back until it is one
 *   count.c     tokens of a request, counted here
 *   upstream.c  backend: provider, pool of accounts, HTTP       pool.c        its accounts
 *   demo.c      backend: answers of its own                     stop_match.c  stop sequences
 *   fanout.c    backend: several calls for one request
 *   command*.c  backend: a program of the configuration, run per request
 *   signatures.c, signature_cache.c       proofs kept for clients that cannot carry them */
#ifndef LLMMUX_MUX_INTERNAL_H
#define LLMMUX_MUX_INTERNAL_H

#include "base/map.h"
#include "base/vec.h"
#include "mux/backend.h"
#include "mux/signature_cache.h"

/* ---- registry ---- */
struct target {
	struct backend *backend;
	struct slice model; /* the backend's name for it */
	bool forces_name;   /* answers say the client's name for it (force-mapping) */
};
/* Where a request goes, in order of preference. */
struct route {
	const struct target *targets;
	size_t count;
	const struct chat_reasoning
		*reasoning; /* of the name's suffix (RE-6); NULL = it has none */
};

#define REGISTRY_MAX_ALIAS_STEPS 5
#define REGISTRY_MAX_SUGGESTIONS 5

struct registry_entry; /* one model id with its targets */
struct registry {
	struct arena *arena; /* of the mux */
	const struct config *config;
	struct backend *const *backends;
	size_t backend_count;
	struct map models;  /* id -> struct registry_entry */
	struct map aliases; /* lower-cased alias -> const struct option_pair */
	struct mux_model *list;
	size_t list_count;
};
void registry_init(struct registry *registry, struct arena *arena, const struct config *config);
/* Adds a model a backend can serve. `visible` is the id clients use; forces_name: also in answers.
 */
void registry_add(struct registry *registry, struct backend *backend, struct slice visible,
	struct slice upstream_name, bool forces_name, const struct mux_model *facts);
/* Sorts the list; nothing is added after it. */
void registry_seal(
	struct registry *registry, struct backend *const *backends, size_t backend_count);
void registry_finish(struct registry *registry);
/* Resolves a client's model name (gateway.md 4.2). False with ERROR_NOT_FOUND, code
 * model_not_found, and what it may have meant; with ERROR_INVALID_REQUEST when the name has a
 * suffix that says nothing (gateway.md 4.5). */
bool registry_resolve(const struct registry *registry, struct slice name, struct arena *arena,
	struct route *route, struct error *error);
/* False, with the error of an unknown name. */
bool registry_not_found(const struct registry *registry, struct slice name, struct error *error);
const struct mux_model *registry_find(const struct registry *registry, struct slice name);

/* ---- thinking suffixes: "model(high)" (RE-6, gateway.md 4.5) ---- */
/* Splits at the last "(" of a name that ends with ")"; false when the name has no such form. */
bool suffix_split(struct slice name, struct slice *model, struct slice *value);
/* What a suffix asks for; false when it is none of the words and no budget. */
bool suffix_read(struct slice value, struct chat_reasoning *reasoning);

/* ---- hold: the beginning of an attempt, until its first real event ---- */
struct mux_hold;
struct hold_owner {
	/* The attempt ended before its first real event. */
	void (*on_failed)(struct mux_hold *hold, const struct error *error);
};
struct mux_hold {
	struct chat_sink sink;  /* what the attempt writes into */
	struct chat_sink *next; /* what is let through */
	struct arena *arena;
	const struct hold_owner *owner;
	struct loop_timer timer;
	bool is_open;        /* events pass */
	bool has_sent_start; /* the timer sent one before the upstream did */
	bool is_closed;      /* the call was released: nothing is sent any more */
	bool has_start, has_usage;
	struct chat_event start;
	struct chat_usage usage;
	struct buf wire;
	struct error *error; /* made when one comes: it is large, and most calls see none */
};
void hold_init(struct mux_hold *hold, struct loop *loop, struct arena *arena,
	struct chat_sink *next, const struct hold_owner *owner);
/* The hold time begins; after it the head is let go. */
void hold_start_timer(struct mux_hold *hold, uint64_t delay_ms);
/* Forgets a failed attempt; before the first event only. */
void hold_drop(struct mux_hold *hold);
/* True when the attempt has said something already (its answer had begun). */
bool hold_has_begun(const struct mux_hold *hold);
/* Nothing more is sent; frees. */
void hold_close(struct mux_hold *hold);

/* ---- stop sequences the upstream does not take (E-47) ---- */
struct stop_match;
/* A sink in front of `next` that ends a candidate's text before the first stop sequence. With one
 * candidate the answer ends there: stop_match_has_ended tells the source to stop. */
struct stop_match *stop_match_create(const struct chat_request *request,
	const struct format_counter *counter, const struct slice *stops, size_t count,
	struct chat_sink *next, struct arena *arena);
struct chat_sink *stop_match_sink(struct stop_match *match);
bool stop_match_has_ended(const struct stop_match *match);

/* ---- accounts ---- */
struct account {
	_Alignas(64) atomic_uint in_flight;
	atomic_uint failures;                  /* in a row */
	atomic_uint_least64_t passed_until_ms; /* others are preferred until then; 0 = not */
	const char *label;                     /* "openai#1" */
	struct slice key;                      /* absent: none is sent */
	const char *proxy;                     /* as client_request.proxy */
};
struct pool {
	struct account *accounts;
	size_t count;
	atomic_uint cursor;
};
/* One account per key, or one without a key. Strings are kept. */
void pool_init(struct pool *pool, size_t count);
void pool_finish(struct pool *pool);
/* The account to try: not in `tried`, not passed over while another is usable, fewest in flight,
 * ties in turn. NULL when all were tried. Counts it in flight and adds it to `tried`. */
struct account *pool_take(
	struct pool *pool, struct number_set *tried, struct arena *arena, uint64_t now_ms);
bool pool_has_untried(const struct pool *pool, const struct number_set *tried);
/* The attempt ended: NULL = it was answered; ERROR_CANCELLED says nothing about the account. */
void pool_give_back(struct account *account, const struct error *error, uint64_t now_ms);

bool number_set_has(const struct number_set *set, size_t number);
void number_set_add(struct number_set *set, size_t number, struct arena *arena);

/* ---- the instance ---- */
struct mux {
	struct config *config;
	struct log *log;
	const struct tokens *tokens;
	struct arena arena; /* of everything that lives as long */
	const char *user_agent;
	char *const *environment;          /* never NULL */
	struct runner_secrets *secrets;    /* may be NULL */
	struct process_watchdog *watchdog; /* may be NULL */
	struct client_shared *shared;
	struct signature_cache *signatures; /* NULL = none are kept */
	VEC(struct backend *) backends;
	struct registry registry;
};
struct named_backends;
struct role_call;
struct mux_loop {
	struct mux *mux;
	struct loop *loop;
	struct client *client;
	struct mux_call *calls; /* not released yet */
	struct role_call *role_calls;
	struct named_backends *named; /* of roles; NULL before the first */
};

/* One backend per enabled provider entry; its models go into the registry. NULL with an error. */
struct backend *upstream_create(struct mux *mux, const struct config_provider *settings,
	const struct mux_found *found, struct error *error);
/* As client_request.proxy: the key's, else the provider's, else the global one. */
const char *upstream_proxy(
	const struct config *config, const struct config_provider *settings, struct slice of_key);
struct backend *demo_create(struct mux *mux);

/* ---- command backends (workflows.md 2.1) ---- */
struct runner_backend;
struct runner_config;
struct runner_secrets;
struct process_watchdog;
/* What a command backend knows of the world. All of it outlives the mux. */
struct command_context {
	const struct runner_config *runner; /* defaults.command_wrapper; may be NULL */
	char *const *environment;           /* what ${NAME} reads; NULL: the process's */
	struct runner_secrets *secrets;     /* gets what was expanded; may be NULL */
	struct process_watchdog *watchdog;  /* may be NULL */
};
/* A backend of kind RUNNER_BACKEND_CLI. `settings` outlives it. Nothing is expanded or looked for
 * before the first call. Directory and variables of a call come with backend_request; what the
 * program's end says beyond events goes to mux_report.command. */
struct backend *command_backend_create(struct mux *mux, const struct runner_backend *settings,
	const struct command_context *context, struct error *error);
/* Whether the program can be found now; ERROR_UNAVAILABLE that names it, or ERROR_CONFIGURATION for
 * a variable that is not set. `backend` was made by command_backend_create. */
bool command_backend_is_available(
	const struct backend *backend, struct arena *arena, struct error *error);

/* mux_submit on a route that was found already; NULL = find it. */
struct mux_call *call_submit(
	struct mux_loop *mux_loop, const struct mux_request *request, const struct route *route);

/* ---- several calls for one request (E-40, CO-1) ---- */
/* Whether the request asks for more answers than one call to the target gives. */
bool fanout_is_needed(const struct target *target, const struct chat_request *request);
/* The backend, for one attempt, that makes the calls: each goes the route. In the arena; the
 * route's targets must outlive it. */
struct backend *fanout_create(
	const struct route *route, const struct chat_request *request, struct arena *arena);

/* ---- counting here (TC-1) ---- */
struct count_job;
typedef void count_done(void *data, int64_t tokens, bool is_exact);
/* Counts the request as `model` does. Short texts at once: done was called, and NULL is returned.
 * Long ones on another thread, from copies. */
struct count_job *count_start(struct mux_loop *mux_loop, const struct chat_request *request,
	struct slice model, count_done *done, void *data);
/* done is not called any more. Accepts NULL. */
void count_cancel(struct count_job *job);

/* Ends the call without an event: its loop goes away. Releasing it later does nothing. */
void call_abandon(struct mux_call *call);

/* An answer to CHAT_OP_COUNT or CHAT_OP_EMBED: start, usage, finish, end. */
void send_count(struct chat_sink *sink, struct slice model, int64_t tokens, bool is_estimated);

#endif
