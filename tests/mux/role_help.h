/* role_help.h: calls of roles in tests: what was told and what came of it. */
#ifndef LLMMUX_TESTS_ROLE_HELP_H
#define LLMMUX_TESTS_ROLE_HELP_H

#include "mux/mux_help.h"
#include "mux/role.h"

#define ROLE_MAX_BACKENDS 16

/* One call. Zero it, set what the test wants in `plan` and `request`, begin it. */
struct role_client {
	struct arena arena;
	struct role_plan plan;
	struct role_request request;
	struct slice names[ROLE_MAX_BACKENDS];
	struct role_call *call;
	const struct role_result *result; /* NULL: not done */
	struct buf log;                   /* "start a, retry a 1000, end a" */
	struct buf streamed;              /* TEXT of all backends */
	size_t events;                    /* progress and done */
	size_t release_at;                /* released in that event; 0: never */
	bool is_released;
	uint64_t waits_ms[ROLE_MAX_BACKENDS]; /* of RETRYING */
	size_t retries;
};
/* `backends` are names with commas between them. */
void role_client_begin(struct role_client *client, struct mux_fixture *f, enum role_mode mode,
	const char *backends);
/* Until on_done or the release. */
void role_client_wait(struct role_client *client, struct mux_fixture *f);
void role_client_finish(struct role_client *client, struct mux_fixture *f);
/* All three but the last, with the text "Hello there". */
void role_client_ask(struct role_client *client, struct mux_fixture *f, enum role_mode mode,
	const char *backends);
/* The texts must be equal. */
void assert_text(struct slice text, const char *expected);
void assert_says(const char *message, const char *part);

#endif
