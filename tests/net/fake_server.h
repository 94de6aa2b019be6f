/* fake_server.h: a scripted upstream (and proxy) on the test's own loop; the path of a request says
 * how it behaves. */
#ifndef LLMMUX_TESTS_FAKE_SERVER_H
#define LLMMUX_TESTS_FAKE_SERVER_H

#include "loop/loop.h"

#define FAKE_ENDLESS_BYTES ((size_t)48 * 1024 * 1024)

struct fake_server;

struct fake_server *fake_server_create(struct loop *loop);
void fake_server_destroy(struct fake_server *server);
int fake_server_port(const struct fake_server *server);
size_t fake_server_accepted(const struct fake_server *server);
/* True when these bytes came in on some connection. */
bool fake_server_saw(const struct fake_server *server, const char *text);
/* The next request is read and its connection closed without an answer. */
void fake_server_drop_next(struct fake_server *server);
/* Runs the loop until that many connections were closed by the client. */
void fake_server_wait_for_closes(struct fake_server *server, size_t count);
/* Runs the loop until a write of the endless answer found no room. */
void fake_server_wait_until_blocked(struct fake_server *server);
/* A port nobody listens on; one whose queue of connections is full. */
int fake_server_unused_port(void);
int fake_server_full_port(struct fake_server *server);

#endif
