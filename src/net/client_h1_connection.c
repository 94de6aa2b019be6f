/* client_h1_connection.c: connections of our HTTP/1.1 engine: names, addresses, the idle ones. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/client_internal.h"

/* A name being looked up; outlives a connection that is closed meanwhile. */
struct h1_resolve {
	struct h1_connection *connection; /* NULL: nobody waits any more */
	char *host;
	char port[8];
	int status;
	struct addrinfo *found;
};

/* ---- idle connections ------------------------------------------------------------------------ */

static void unlink_idle(struct h1_connection *connection) {
	struct h1_client *h1 = &connection->client->h1;
	*(connection->newer ? &connection->newer->older : &h1->newest) = connection->older;
	*(connection->older ? &connection->older->newer : &h1->oldest) = connection->newer;
	connection->newer = connection->older = NULL;
	h1->idle_count--;
}

static void on_idle_timer(struct loop_timer *timer) {
	struct client *client = timer->data;
	struct h1_client *h1 = &client->h1;
	uint64_t now = loop_now_ms(client->loop);
	while (h1->oldest && h1->oldest->idle_since_ms + h1->idle_close_ms <= now) {
		h1_close(h1->oldest);
	}
	if (h1->oldest) {
		loop_timer_start(timer, h1->oldest->idle_since_ms + h1->idle_close_ms - now);
	}
}

struct h1_connection *h1_take_idle(struct client *client, struct slice host, uint16_t port) {
	struct h1_connection *at = client->h1.newest;
	while (at && (at->port != port || !slice_ieq(slice_of(at->host), host))) {
		at = at->older;
	}
	if (at) {
		unlink_idle(at);
	}
	return at;
}

void h1_put_idle(struct h1_connection *connection) {
	struct client *client = connection->client;
	struct h1_client *h1 = &client->h1;
	connection->state = H1_IDLE;
	connection->idle_since_ms = loop_now_ms(client->loop);
	connection->older = h1->newest;
	*(h1->newest ? &h1->newest->newer : &h1->oldest) = connection;
	h1->newest = connection;
	h1->idle_count++;
	if (h1->idle_count > h1->max_idle) {
		h1_close(h1->oldest);
	}
	/* A timer that fires too early looks again. */
	if (!loop_timer_is_armed(&h1->idle_timer)) {
		loop_timer_start(&h1->idle_timer, h1->idle_close_ms);
	}
}

void h1_client_init(struct client *client, size_t max_idle, unsigned idle_close_ms) {
	client->h1.max_idle = max_idle;
	client->h1.idle_close_ms = idle_close_ms;
	loop_timer_init(client->loop, &client->h1.idle_timer, on_idle_timer, client);
}

void h1_client_finish(struct client *client) {
	while (client->h1.oldest) {
		h1_close(client->h1.oldest);
	}
	loop_timer_stop(&client->h1.idle_timer);
	free(client->h1.read_buffer);
	free(client->h1.inflate_buffer);
}

/* ---- closing --------------------------------------------------------------------------------- */

static void close_socket(struct h1_connection *connection) {
	loop_poll_destroy(connection->poll);
	connection->poll = NULL;
	if (connection->fd >= 0) {
		close(connection->fd);
	}
	connection->fd = -1;
}

void h1_close(struct h1_connection *connection) {
	if (connection->state == H1_IDLE) {
		unlink_idle(connection);
	}
	if (connection->call) {
		connection->call->h1.connection = NULL;
	}
	if (connection->resolve) {
		connection->resolve->connection = NULL;
	}
	close_socket(connection);
	free(connection->addresses);
	free(connection->host);
	free(connection);
}

/* ---- connecting ------------------------------------------------------------------------------ */

static void fail_to_connect(
	struct h1_connection *connection, enum call_failure failure, int error_number) {
	connection->call->h1.error_number = error_number;
	call_fail(connection->call, failure);
}

static void on_ready(struct loop_poll *poll, int status, int ready);

/* False, with connect_error, when this address cannot even be tried. */
static bool try_address(struct h1_connection *connection, const struct h1_address *address) {
	static const int on = 1;
	connection->fd = socket(
		address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
	if (connection->fd < 0) {
		connection->connect_error = errno;
		return false;
	}
	setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(connection->fd, &address->any, address->len) != 0 && errno != EINPROGRESS &&
		errno != EINTR) {
		connection->connect_error = errno;
		close_socket(connection);
		return false;
	}
	connection->poll =
		loop_poll_create(connection->client->loop, connection->fd, on_ready, connection);
	if (!connection->poll) {
		connection->connect_error = ENOMEM;
		close_socket(connection);
		return false;
	}
	loop_poll_set(connection->poll, LOOP_WRITABLE);
	return true;
}

static void try_addresses(struct h1_connection *connection) {
	struct client_call *call = connection->call;
	while (connection->address_at < connection->address_count) {
		if (try_address(connection, &connection->addresses[connection->address_at++])) {
			bool is_last = connection->address_at == connection->address_count;
			connection->state = H1_CONNECTING;
			call->h1.address_ms = loop_now_ms(connection->client->loop);
			call->h1.address_limit_ms = is_last ? 0 : H1_ADDRESS_MS;
			call_timer_arm(call);
			return;
		}
	}
	fail_to_connect(connection, CALL_FAILURE_CONNECT, connection->connect_error);
}

void h1_next_address(struct client_call *call) {
	call->h1.connection->connect_error = ETIMEDOUT;
	close_socket(call->h1.connection);
	try_addresses(call->h1.connection);
}

static void end_connecting(struct h1_connection *connection, int status) {
	int number = -status;
	socklen_t len = sizeof number;
	if (status == 0) {
		getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &number, &len);
	}
	if (number != 0) {
		connection->connect_error = number;
		close_socket(connection);
		try_addresses(connection);
		return;
	}
	free(connection->addresses);
	connection->addresses = NULL;
	connection->call->h1.address_limit_ms = 0;
	h1_connected(connection->call);
}

static void on_ready(struct loop_poll *poll, int status, int ready) {
	struct h1_connection *connection = loop_poll_data(poll);
	if (connection->state == H1_IDLE) {
		h1_close(connection); /* its server has closed it, or speaks unasked */
	} else if (connection->state == H1_CONNECTING) {
		end_connecting(connection, status);
	} else {
		h1_ready(connection->call, status, ready);
	}
}

/* ---- names ----------------------------------------------------------------------------------- */

static struct h1_address *push_address(struct h1_connection *connection) {
	if (!connection->addresses) {
		connection->addresses = mem_calloc(H1_ADDRESSES_MAX, sizeof *connection->addresses);
	}
	return &connection->addresses[connection->address_count++];
}

static void push_v4(struct h1_connection *connection, struct in_addr ip) {
	struct h1_address *address = push_address(connection);
	address->v4 = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(connection->port), .sin_addr = ip};
	address->len = sizeof address->v4;
}

static void push_v6(struct h1_connection *connection, struct in6_addr ip) {
	struct h1_address *address = push_address(connection);
	address->v6 = (struct sockaddr_in6){
		.sin6_family = AF_INET6, .sin6_port = htons(connection->port), .sin6_addr = ip};
	address->len = sizeof address->v6;
}

/* An address as it is, or this machine by name (RFC 6761 section 6.3): nothing to ask for. */
static bool know_address(struct h1_connection *connection) {
	struct slice host = slice_of(connection->host);
	struct in_addr v4;
	struct in6_addr v6;
	if (inet_pton(AF_INET, connection->host, &v4) == 1) {
		push_v4(connection, v4);
	} else if (inet_pton(AF_INET6, connection->host, &v6) == 1) {
		push_v6(connection, v6);
	} else if (slice_ieq(host, SLICE("localhost"))) {
		push_v6(connection, in6addr_loopback);
		push_v4(connection, (struct in_addr){.s_addr = htonl(INADDR_LOOPBACK)});
	}
	return connection->address_count > 0;
}

static void resolve_in_pool(void *data) {
	struct h1_resolve *resolve = data;
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	resolve->status = getaddrinfo(resolve->host, resolve->port, &hints, &resolve->found);
}

static void take_addresses(struct h1_connection *connection, const struct addrinfo *found) {
	for (; found && connection->address_count < H1_ADDRESSES_MAX; found = found->ai_next) {
		if (found->ai_family == AF_INET || found->ai_family == AF_INET6) {
			struct h1_address *address = push_address(connection);
			memcpy(&address->any, found->ai_addr, found->ai_addrlen);
			address->len = found->ai_addrlen;
		}
	}
}

static void on_resolved(void *data) {
	struct h1_resolve *resolve = data;
	struct h1_connection *connection = resolve->connection;
	if (connection && resolve->status == 0) {
		take_addresses(connection, resolve->found);
	}
	if (resolve->status == 0) {
		freeaddrinfo(resolve->found);
	}
	free(resolve->host);
	free(resolve);
	if (!connection) {
		return;
	}
	connection->resolve = NULL;
	if (connection->address_count == 0) {
		fail_to_connect(connection, CALL_FAILURE_RESOLVE, 0);
	} else {
		try_addresses(connection);
	}
}

static void resolve_name(struct h1_connection *connection) {
	struct h1_resolve *resolve = mem_calloc(1, sizeof *resolve);
	resolve->connection = connection;
	resolve->host = mem_dup(connection->host, strlen(connection->host));
	snprintf(resolve->port, sizeof resolve->port, "%u", (unsigned)connection->port);
	connection->resolve = resolve;
	if (!loop_work(connection->client->loop, resolve_in_pool, on_resolved, resolve)) {
		resolve->status = EAI_SYSTEM;
		on_resolved(resolve);
	}
}

void h1_connect(struct client_call *call) {
	struct h1_connection *connection = mem_calloc(1, sizeof *connection);
	connection->client = call->client;
	connection->call = call;
	connection->state = H1_RESOLVING;
	connection->fd = -1;
	connection->host = mem_dup(call->h1.host.data, call->h1.host.len);
	connection->port = call->h1.port;
	call->h1.connection = connection;
	call->is_connected = false;
	call->connecting_ms = loop_now_ms(call->client->loop);
	call_timer_arm(call);
	if (know_address(connection)) {
		try_addresses(connection);
	} else {
		resolve_name(connection);
	}
}
