/* client_h1.h: our own HTTP/1.1 engine for plain http without a proxy. Private to net/client*.c.
 *
 *              no idle connection            names only
 *   submit ──┬───────────────────► QUEUED ──► RESOLVING ──► CONNECTING ──► SENDING ──► WAITING
 *            │                                                   ▲            │           │ answer
 *            │ idle connection: sent inside submit               └── again ───┤           ▼ whole
 *            └────────────────────────────────────────────────────────────────┴───────── IDLE
 *
 * A connection has one call or is idle. It is watched for reading as long as it lives, so an idle
 * one that its server closes goes at once. Bytes are read into one buffer of the loop and handed on
 * as slices of it; a paused call keeps the rest of what was read, and reads no more.
 *
 * Again: when a connection that had answered before dies before the first byte of this answer, its
 * server had most likely closed it while the request was on its way (RFC 9112 section 9.3.1). The
 * request goes out once more, on a new connection, whatever its method: libcurl does the same. */
#ifndef LLMMUX_NET_CLIENT_H1_H
#define LLMMUX_NET_CLIENT_H1_H

#include <netinet/in.h>

#include "net/client.h"
#include "net/client_h1_answer.h"

#define H1_READ_BYTES ((size_t)64 * 1024)    /* per loop: read at once */
#define H1_INFLATE_BYTES ((size_t)32 * 1024) /* per loop: decoded at once */
#define H1_ADDRESSES_MAX 16                  /* of one name, tried in turn */
/* How long an address may take while there are others. */
#define H1_ADDRESS_MS 2000

enum h1_state {
	H1_RESOLVING,  /* getaddrinfo runs in the pool */
	H1_CONNECTING, /* to one of the addresses */
	H1_SENDING,    /* the request has not gone out whole; its answer may have begun */
	H1_WAITING,    /* sent, or sending was given up: for the rest of the answer */
	H1_IDLE        /* nobody's, may be used again */
};

struct h1_address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
	socklen_t len;
};

struct h1_connection {
	struct client *client;
	struct client_call *call; /* NULL when idle */
	enum h1_state state;
	int fd;
	struct loop_poll *poll;
	char *host; /* without brackets */
	uint16_t port;
	bool has_served; /* some answer came over it */

	struct h1_resolve *resolve;
	struct h1_address *addresses; /* until connected */
	size_t address_count, address_at;
	int connect_error;

	uint64_t idle_since_ms;
	struct h1_connection *newer, *older; /* idle ones */
};

/* Our engine's part of a call. */
struct h1_exchange {
	struct h1_connection *connection;
	struct h1_answer answer;
	struct slice host; /* in the call's URL, without brackets */
	uint16_t port;
	size_t sent, total; /* bytes of head and body */
	bool is_given_up;   /* sending: refused early, or the connection broke */
	bool is_heard;      /* some byte of the answer came */
	bool is_again;
	int send_error;
	int error_number; /* of the failure; 0 = none known */
	uint64_t address_ms;
	unsigned address_limit_ms; /* 0: the only address, or the last */
};

struct h1_client {
	struct h1_connection *newest, *oldest; /* idle connections */
	size_t idle_count, max_idle;
	unsigned idle_close_ms;
	struct loop_timer idle_timer;
	char *read_buffer, *inflate_buffer; /* NULL until needed */
};

/* client_h1.c: calls */
bool h1_can_carry(const struct client *client, const struct client_request *request);
struct client_call *h1_call_create(struct client *client);
bool h1_prepare(
	struct client_call *call, const struct client_request *request, struct error *error);
/* Sends on an idle connection if there is one; never calls back. */
bool h1_start_at_once(struct client_call *call);
/* On a new connection. */
void h1_start(struct client_call *call);
/* After a pause. */
void h1_go_on(struct client_call *call);
/* Takes the call's connection from it and closes it. */
void h1_detach(struct client_call *call);
/* What a connection tells its call. */
void h1_connected(struct client_call *call);
void h1_ready(struct client_call *call, int status, int ready);

/* client_h1_connection.c: connections */
void h1_client_init(struct client *client, size_t max_idle, unsigned idle_close_ms);
void h1_client_finish(struct client *client);
/* The latest used one; NULL when there is none. */
struct h1_connection *h1_take_idle(struct client *client, struct slice host, uint16_t port);
void h1_put_idle(struct h1_connection *connection);
void h1_close(struct h1_connection *connection);
/* Gives the call a new connection; ends in h1_connected or in call_fail. */
void h1_connect(struct client_call *call);
/* The present address took too long. */
void h1_next_address(struct client_call *call);

#endif
