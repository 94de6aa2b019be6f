/* gateway_help.h: a gateway over the demo backend on one loop, and raw HTTP clients beside it on
 * the same thread. Nothing is slept for: the loop runs until what is awaited has happened. */
#ifndef LLMMUX_TESTS_GATEWAY_HELP_H
#define LLMMUX_TESTS_GATEWAY_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "gateway/gateway_internal.h"

struct gateway_fixture {
	char dir[64]; /* configuration directory, removed at the end */
	struct config *config;
	struct log *log;
	int log_fd; /* a file that takes the log */
	struct mux *mux;
	struct loop *loop;
	struct mux_loop *mux_loop;
	struct responses_store *store;
	struct gateway_loop *gateway;
};

/* `yaml` is the configuration, NULL for none. */
void gateway_open(struct gateway_fixture *f, const char *yaml);
void gateway_close(struct gateway_fixture *f);
/* Configuration alone. */
struct config *gateway_config(const char *yaml);
/* Everything logged so far; free it with buf_finish. */
struct buf gateway_read_log(struct gateway_fixture *f);

struct http_client {
	struct gateway_fixture *f;
	int fd;
	struct buf in;
};
struct http_answer {
	int status;
	char *head;
	struct buf body; /* chunks joined */
};

void client_connect(struct http_client *c, struct gateway_fixture *f);
void client_close(struct http_client *c);
void client_send(struct http_client *c, const char *method, const char *path, const char *headers,
	const char *body);
/* Runs the loop until the text came. */
void client_await(struct http_client *c, const char *text);
/* Runs the loop until that many events came; false when the stream ended before. */
bool client_await_events(struct http_client *c, size_t count);
/* Runs the loop until the answer is whole, and takes it. */
void client_answer(struct http_client *c, bool is_head, struct http_answer *answer);
void answer_finish(struct http_answer *answer);
/* One request on a connection of its own. */
void gateway_ask(struct gateway_fixture *f, const char *method, const char *path,
	const char *headers, const char *body, struct http_answer *answer);
/* The value of a header, NUL-terminated in a static-free way: the caller frees; NULL = absent. */
char *answer_header(const struct http_answer *answer, const char *name);
bool answer_has(const struct http_answer *answer, const char *text);

#endif
