/* client_help.h: what the tests of the HTTP client share: a client, a scripted server, answers that
 * record what happened. */
#ifndef LLMMUX_TESTS_CLIENT_HELP_H
#define LLMMUX_TESTS_CLIENT_HELP_H

#include "net/client.h"
#include "net/fake_server.h"

/* What a test wants to happen inside a callback. */
enum deed {
	DEED_NONE,
	DEED_CANCEL,
	DEED_CANCEL_OTHER,
	DEED_PAUSE
};

struct answer {
	struct client_call *call;
	struct answer *other;
	struct client *client;
	int status;
	struct buf headers; /* name=value| */
	struct buf body;
	size_t chunks, largest, keep_body; /* keep_body: bytes kept, the rest only counted */
	bool has_head, is_done;
	struct client_result result;
	enum deed in_headers, in_data, in_done;
	size_t at_chunk; /* in_data is done at this chunk */
};

struct fixture {
	struct loop *loop;
	struct fake_server *server;
	struct client_shared *shared;
	struct client *client;
	char url[128];
	bool only_libcurl;
	size_t max_idle;
	unsigned idle_close_ms;
};

extern const struct client_handler answer_handler;

/* Submits; the answer fills as the loop runs. */
struct client_call *call_url(struct fixture *f, struct answer *answer, const char *url,
	const struct client_request *more);
const char *url_of(struct fixture *f, const char *path);
struct client_call *call_path(struct fixture *f, struct answer *answer, const char *path,
	const struct client_request *more);
void wait_for(struct fixture *f, const bool *flag);
/* Calls and waits; the answer is the caller's to finish. */
struct answer get(struct fixture *f, const char *path, const struct client_request *more);
void finish(struct answer *answer);
void assert_body(const struct answer *answer, const char *wanted);
void assert_error(const struct answer *answer, enum error_kind kind, const char *text);
/* A fresh client as the fixture says. */
void renew_client(struct fixture *f);
int set_up(void **state);
int set_up_libcurl(void **state);
int tear_down(void **state);
/* Owned bytes, a reference, owned bytes, ...: `count` references to the block. */
void fill_body(struct buf *body, char *block, size_t block_len, size_t count);
void run_some(struct fixture *f, size_t turns);

#endif
