/* gateway.h: the HTTP face of the mux: routes, client keys, handlers. */
#ifndef LLMMUX_GATEWAY_GATEWAY_H
#define LLMMUX_GATEWAY_GATEWAY_H

#include "gateway/responses_store.h"
#include "mux/mux.h"
#include "net/server.h"

struct gateway_loop; /* the gateway on one loop: a server and its exchanges */

struct gateway_options {
	struct mux_loop *mux_loop;
	struct loop *loop;
	struct log *log;
	const char *host;
	uint16_t port;                 /* 0: chosen by the kernel (first loop only) */
	bool reuse_port;               /* second and later loops */
	struct responses_store *store; /* of all loops; NULL: nothing is stored */
};

/* Listens and serves; configuration comes from the mux's snapshot. */
struct gateway_loop *gateway_loop_create(
	const struct gateway_options *options, struct error *error);
/* The port that is listened on. */
uint16_t gateway_loop_port(const struct gateway_loop *gateway);
/* Stops accepting; drained(data) once nothing is left open. */
void gateway_loop_drain(struct gateway_loop *gateway, void (*drained)(void *data), void *data);
/* Aborts what is left and frees. Accepts NULL. */
void gateway_loop_destroy(struct gateway_loop *gateway);

#endif
