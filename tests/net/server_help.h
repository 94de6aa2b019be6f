/* server_help.h: a server with a test handler, and raw clients beside it on the same thread.
 *
 * Everything is awaited, nothing slept for: help_* functions run the loop until the thing looked
 * for has happened, and fail the test after ten seconds. The handler's routes:
 *
 *   /hello   200 "hello"
 *   /echo    200, the body
 *   /length  200, the body's length
 *   /wait    answered by the test through fixture.waiting
 *   /early   401 from on_head
 *   /cut     http_abort from on_head
 *   /big     200, BIG_BYTES of 'x'
 *   /refs    200, a body of many references
 *   others   200, the decoded path */
#ifndef LLMMUX_TESTS_NET_SERVER_HELP_H
#define LLMMUX_TESTS_NET_SERVER_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"
#include "net/server.h"

#define BIG_BYTES ((size_t)8 * 1024 * 1024)
#define REFS_COUNT 50
#define WAITING_MAX 8

struct ssl_st;

struct fixture {
	struct loop *loop;
	struct http_server *server;
	struct http_server_options options;
	/* Seen by the handler. */
	int heads, bodies, errors, dones, aborted, writables;
	int error_status;
	struct error last_error;
	uint64_t last_body_sent;
	size_t unsent_when_writable;
	/* The latest body and its exchange: it has to live until on_done. */
	const struct http_exchange *body_of;
	struct slice body;
	size_t body_zeros;
	struct http_exchange *waiting[WAITING_MAX];
	int waiting_count;
	int drained;
};

/* Options may be changed between open and start. */
void fixture_open(struct fixture *f);
void fixture_start(struct fixture *f);
void fixture_close(struct fixture *f);
/* Runs the loop until *counter is at least `wanted`. */
void help_until(struct fixture *f, const int *counter, int wanted);
/* Runs what is ready. */
void help_turns(struct fixture *f, int turns);

struct client {
	struct fixture *f;
	int fd;
	struct ssl_st *tls;
	struct buf in;
	bool is_eof, is_reset;
};

void client_open(struct client *c, struct fixture *f);
void client_close(struct client *c);
void client_send(struct client *c, const char *text);
void client_send_bytes(struct client *c, struct slice bytes);
/* Closes the sending side only. */
void client_half_close(struct client *c);
void client_read_eof(struct client *c);
/* Reads until at least so many bytes are there, or the connection ended. */
void client_read_bytes(struct client *c, size_t count);
/* Reads until `text` has arrived. */
void client_read_text(struct client *c, const char *text);

/* One answer, taken off the input. */
struct answer {
	int status;
	char *head; /* with the empty line */
	struct buf body;
	bool is_cut; /* the connection ended inside it */
	int chunks;
};
void client_answer(struct client *c, bool is_head, struct answer *answer);
void answer_free(struct answer *answer);
/* Takes one answer and checks status and, unless NULL, body. */
void client_expect(struct client *c, int status, const char *body);

#endif
