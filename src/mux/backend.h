/* backend.h: a named thing that takes a request and emits events (inside mux/). Kinds: upstream (a
 * provider and its pool of accounts), demo, command, mock. A role (role.h) asks several of them. */
#ifndef LLMMUX_MUX_BACKEND_H
#define LLMMUX_MUX_BACKEND_H

#include "mux/mux.h"

struct backend;
struct backend_call; /* one attempt under way */

/* A set of small numbers in an arena: the accounts a request has tried. Zeroed is empty. */
struct number_set {
	uint64_t *words;
	size_t count;
};

/* One attempt, as the mux hands it to a backend. */
struct backend_request {
	struct mux_loop *mux_loop;
	const struct chat_request *request;
	struct slice model; /* the backend's own name for it */
	bool takes_wire;
	const struct http_headers *client_headers;
	struct arena *arena;       /* of the attempt's call */
	struct chat_sink *sink;    /* gets the attempt's events */
	struct number_set *tried;  /* accounts of this backend; the backend adds the one it takes */
	struct mux_report *report; /* the backend fills account, format, splice, and what it knows
				      of the way it was answered */
	struct chat_losses *losses;
	/* When the attempt must be over, on the loop's clock (loop_now_ms); 0: never. The call ends
	 * it with ERROR_TIMEOUT, unless the kind keeps time itself. */
	uint64_t deadline_ms;
	/* Of commands: as in mux_request. */
	const char *cwd;
	const struct process_variable *variables;
	size_t variable_count;
};

struct backend_kind {
	const char *name; /* "upstream", "demo", "command", "mock" */
	/* Ends an attempt at request.deadline_ms by itself, with ERROR_TIMEOUT: it has something to
	 * say of it, or needs a moment to stop (a command). */
	bool keeps_time;
	/* Starts; no event before it returns. The attempt ends with `error` + `end`, or `end`. */
	struct backend_call *(*submit)(
		struct backend *backend, const struct backend_request *request);
	void (*pause)(struct backend_call *call);
	void (*resume)(struct backend_call *call);
	/* Cancels if running and frees; no event follows. Allowed inside on_event. */
	void (*release)(struct backend_call *call);
	/* True when another attempt on this backend may do better (another account is free). NULL:
	 * never; whether the same is asked again is for the caller to say. */
	bool (*can_retry)(const struct backend *backend, const struct number_set *tried);
	/* Whether a model that is not in the registry may be asked of it as BACKEND://model. Writes
	 * the backend's own name for it. */
	bool (*takes_model)(const struct backend *backend, struct slice model, struct slice *name);
	/* Whether one call may be asked for more than one candidate, as `request` does (E-40). */
	bool (*takes_candidates)(const struct backend *backend, const struct chat_request *request);
	void (*describe)(const struct backend *backend, struct mux_backend_info *info);
	void (*destroy)(struct backend *backend);
};

struct backend {
	const struct backend_kind *kind;
	const char *name;   /* as in NAME://model */
	const char *vendor; /* whose unlisted models it is asked for; NULL = none */
	bool is_open;       /* has no configured list: takes names that are not in the registry */
	bool is_demo;
};

#endif
