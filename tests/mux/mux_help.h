/* mux_help.h: a mux on a loop of its own, a sink that records, and a scripted upstream on the same
 * loop. */
#ifndef LLMMUX_TESTS_MUX_HELP_H
#define LLMMUX_TESTS_MUX_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mux/mux_internal.h"

/* One turn of the loop that waits, but not for ever when the turn begins with a timer whose work
 * was the last (loop_run_once looks at sockets after it). */
void run_turn(struct loop *loop);

/* ---- a sink that records ---- */
struct recorder {
	struct chat_sink sink;
	struct buf events; /* one JSON object a line; without wire */
	struct buf wire;
	struct buf text, thinking, args; /* deltas joined */
	struct chat_usage usage;
	struct error error;
	enum chat_finish_reason reason;
	size_t count; /* all events */
	size_t starts, finishes, errors, tools;
	bool has_ended;
	struct mux_call *call; /* released after event `release_at` */
	size_t release_at;     /* 1-based; 0 = never */
	bool is_released;
	bool has_usage_after_finish;
};
void recorder_init(struct recorder *recorder);
void recorder_finish(struct recorder *recorder);

/* ---- a scripted upstream ---- */
enum fake_end {
	FAKE_KEEP,  /* the connection stays open for the next request */
	FAKE_CLOSE, /* closed after the bytes */
	FAKE_STALL  /* open, but nothing more comes */
};
struct fake_upstream;
struct fake_upstream *fake_create(struct loop *loop);
void fake_destroy(struct fake_upstream *fake);
int fake_port(const struct fake_upstream *fake);
/* The next request whose head holds `match` (NULL: any) gets these bytes. Copied. */
void fake_answer(
	struct fake_upstream *fake, const char *match, struct slice bytes, enum fake_end end);
/* The same as a whole answer with content type and length. */
void fake_json(struct fake_upstream *fake, const char *match, int status, const char *headers,
	const char *body);
/* As an event stream, chunked; a stream that is cut has no last chunk. */
void fake_stream(struct fake_upstream *fake, const char *match, struct slice body, bool is_cut);
size_t fake_requests(const struct fake_upstream *fake);
/* Head and body of a request, in order of arrival. */
const char *fake_head(const struct fake_upstream *fake, size_t number);
struct slice fake_body(const struct fake_upstream *fake, size_t number);
size_t fake_connections(const struct fake_upstream *fake);
/* Runs the loop until clients closed that many connections. */
void fake_wait_for_closes(struct fake_upstream *fake, size_t count);

/* ---- a mux ---- */
struct mux_fixture {
	struct loop *loop;
	struct config *config;
	struct mux *mux;
	struct mux_loop *mux_loop;
	struct fake_upstream *fake;
	struct runner_secrets *secrets; /* of the runner; else NULL */
};
/* Configuration as YAML; PORT in it becomes the fake's. */
void mux_fixture_begin(struct mux_fixture *f, const char *yaml);
/* As the runner is configured: TOML with [backends.*] and the like. `environment` (ends with NULL)
 * is what ${NAME} reads, and has no other variables. */
void mux_fixture_begin_runner(struct mux_fixture *f, const char *toml, char *const *environment);
void mux_fixture_end(struct mux_fixture *f);

/* One request of a client. */
struct mux_client {
	struct arena arena;
	struct chat_request request;
	struct recorder recorder;
	struct mux_call *call;
	struct http_headers headers;
};
/* Parses a body as the format's clients send it, and submits it. */
void mux_client_submit(struct mux_client *client, struct mux_fixture *f, enum format_id format,
	enum chat_op op, const char *body, bool takes_wire);
/* Runs the loop until `end`, or until the recorder released the call. */
void mux_client_wait(struct mux_client *client, struct mux_fixture *f);
/* Releases the call and frees. */
void mux_client_finish(struct mux_client *client, struct mux_fixture *f);

#define ANTHROPIC_BODY(model, rest)                                                                \
	"{\"model\":\"" model "\",\"max_tokens\":64,\"messages\":[{\"role\":\"user\",\"content\":" \
	"\"Hello there\"}]" rest "}"

#endif
