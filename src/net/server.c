/* server.c: the listener of one loop: options, accepting, draining, and what its connections share.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/server_internal.h"

#define BACKLOG 1024
#define ACCEPTS_PER_TURN 64
#define ACCEPT_AGAIN_MS 100 /* pause after the process ran out of descriptors */
#define PORT_TRIES 8        /* a port the kernel chose may be taken before it is bound again */

/* ---- addresses ---- */

static bool fail_address(struct error *error, const char *host, uint16_t port, int number) {
	if (number == EADDRINUSE) {
		return error_set_param(error, ERROR_CONFIGURATION, "port",
			"port %u is already in use on %s; stop the other program or choose another "
			"port",
			port, host);
	}
	return error_set_param(error, ERROR_CONFIGURATION, number == EACCES ? "port" : "host",
		"cannot listen on %s port %u: %s", host, port, strerrordesc_np(number));
}

/* The first address of the name; IPv4 before IPv6, so that "localhost" is where most look first. */
static bool resolve(const char *host, uint16_t port, struct sockaddr_storage *address,
	socklen_t *address_len, struct error *error) {
	char name[256], service[8];
	size_t len = strlen(host);
	bool is_bracketed = len > 2 && host[0] == '[' && host[len - 1] == ']';
	snprintf(name, sizeof name, "%.*s", is_bracketed ? (int)(len - 2) : (int)len,
		host + is_bracketed);
	snprintf(service, sizeof service, "%u", port);
	struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *found;
	int result = getaddrinfo(name, service, &hints, &found);
	if (result != 0) {
		error_set_param(error, ERROR_CONFIGURATION, "host",
			"cannot resolve host \"%s\": %s", host, gai_strerror(result));
		return false;
	}
	const struct addrinfo *chosen = found;
	for (const struct addrinfo *at = found; at; at = at->ai_next) {
		if (at->ai_family == AF_INET) {
			chosen = at;
			break;
		}
	}
	memcpy(address, chosen->ai_addr, chosen->ai_addrlen);
	*address_len = chosen->ai_addrlen;
	freeaddrinfo(found);
	return true;
}

static uint16_t bound_port(int fd) {
	struct sockaddr_storage address = {0};
	socklen_t len = sizeof address;
	if (getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
		return 0;
	}
	return ntohs(address.ss_family == AF_INET6
			     ? ((struct sockaddr_in6 *)(void *)&address)->sin6_port
			     : ((struct sockaddr_in *)(void *)&address)->sin_port);
}

/* A bound socket, or -1 with errno. TCP_NODELAY is inherited by accepted sockets. */
static int bind_socket(
	const struct sockaddr_storage *address, socklen_t address_len, bool reuse_port) {
	int on = 1, off = 0;
	int fd =
		socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	if (fd < 0) {
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (address->ss_family == AF_INET6) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	}
	if ((reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) ||
		bind(fd, (const struct sockaddr *)address, address_len) != 0) {
		int number = errno;
		close(fd);
		errno = number;
		return -1;
	}
	return fd;
}

/* Binds without SO_REUSEPORT and closes again; *port is what was bound. */
static bool probe(const char *host, uint16_t *port, struct error *error) {
	struct sockaddr_storage address;
	socklen_t address_len;
	if (!resolve(host, *port, &address, &address_len, error)) {
		return false;
	}
	int fd = bind_socket(&address, address_len, false);
	if (fd < 0) {
		return fail_address(error, host, *port, errno);
	}
	*port = bound_port(fd);
	close(fd);
	return true;
}

bool http_probe_port(const char *host, uint16_t port, struct error *error) {
	return probe(host ? host : "127.0.0.1", &port, error);
}

/* Every listener has SO_REUSEPORT, so that later loops can join it. The first one of a port makes
 * sure that nobody else's listener is joined by mistake. */
static int open_listener(
	const struct http_server *server, uint16_t port, bool joins, struct error *error) {
	bool is_any = port == 0;
	for (int tries = 0;; tries++) {
		struct sockaddr_storage address;
		socklen_t address_len;
		if ((!joins && !probe(server->host, &port, error)) ||
			!resolve(server->host, port, &address, &address_len, error)) {
			return -1;
		}
		int fd = bind_socket(&address, address_len, true);
		if (fd >= 0 && listen(fd, BACKLOG) == 0) {
			return fd;
		}
		int number = errno;
		if (fd >= 0) {
			close(fd);
		}
		if (!is_any || tries >= PORT_TRIES || number != EADDRINUSE) {
			fail_address(error, server->host, port, number);
			return -1;
		}
		port = 0;
	}
}

/* ---- accepting ---- */

/* Beyond max_connections: best effort, one write. */
static void turn_away(struct http_server *server, int fd) {
	static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
				     "Retry-After: 1\r\nConnection: close\r\n\r\n";
	if (!server->tls) {
		/* What was sent already is taken in, so that closing does not reset. */
		ssize_t ignored = recv(fd, server->scratch, HTTP_SCRATCH_BYTES, MSG_DONTWAIT);
		ignored = send(fd, answer, sizeof answer - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		(void)ignored;
		shutdown(fd, SHUT_WR);
	}
	close(fd);
	log_warn(server->log, "too many connections (%zu): one was turned away",
		server->connection_count);
}

static void accept_failed(struct http_server *server, int number) {
	if (number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM) {
		log_warn(server->log, "cannot accept connections: %s", strerror(number));
		loop_poll_set(server->poll, 0);
		loop_timer_start(&server->accept_again, ACCEPT_AGAIN_MS);
	}
}

static void on_acceptable(struct loop_poll *poll, int status, int ready) {
	struct http_server *server = loop_poll_data(poll);
	(void)status;
	(void)ready;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		struct sockaddr_storage peer = {0};
		socklen_t len = sizeof peer;
		int fd = accept4(
			server->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			accept_failed(server, errno);
			return;
		}
		if (server->connection_count >= server->limits.max_connections) {
			turn_away(server, fd);
		} else {
			http_connection_create(server, fd, (struct sockaddr *)&peer);
		}
	}
}

static void on_accept_again(struct loop_timer *timer) {
	struct http_server *server = timer->data;
	if (server->poll) {
		loop_poll_set(server->poll, LOOP_READABLE);
	}
}

static void stop_accepting(struct http_server *server) {
	loop_timer_stop(&server->accept_again);
	loop_poll_destroy(server->poll);
	server->poll = NULL;
	if (server->fd >= 0) {
		close(server->fd);
		server->fd = -1;
	}
}

/* ---- life ---- */

#define DEFAULT(field, value)                                                                      \
	if (limits->field == 0) {                                                                  \
		limits->field = (value);                                                           \
	}

static void fill_defaults(struct http_server_limits *limits) {
	DEFAULT(header_bytes, 64 * 1024)
	DEFAULT(body_bytes, (size_t)50 * 1024 * 1024)
	DEFAULT(decoded_bytes, limits->body_bytes)
	DEFAULT(max_headers, 128)
	DEFAULT(pipeline_bytes, 64 * 1024)
	DEFAULT(max_connections, 4096)
	DEFAULT(header_timeout_ms, 10000)
	DEFAULT(body_timeout_ms, 30000)
	DEFAULT(min_body_rate, 512)
	DEFAULT(body_grace_ms, 10000)
	DEFAULT(keepalive_timeout_ms, 120000)
	DEFAULT(write_timeout_ms, 120000)
	DEFAULT(linger_timeout_ms, 2000)
	DEFAULT(high_water, 256 * 1024)
	DEFAULT(low_water, 64 * 1024)
}

struct http_server *http_server_create(
	struct loop *loop, const struct http_server_options *options, struct error *error) {
	struct http_server *server = mem_calloc(1, sizeof *server);
	server->loop = loop;
	server->limits = options->limits;
	fill_defaults(&server->limits);
	server->handler = options->handler;
	server->log = options->log;
	server->host = mem_dup(options->host ? options->host : "127.0.0.1",
		strlen(options->host ? options->host : "127.0.0.1"));
	server->scratch = mem_alloc(HTTP_SCRATCH_BYTES);
	server->fd = -1;
	loop_timer_init(loop, &server->accept_again, on_accept_again, server);
	if (options->tls_cert || options->tls_key) {
		if (!options->tls_cert || !options->tls_key) {
			error_set(error, ERROR_CONFIGURATION,
				"TLS needs both a certificate and a key");
			goto failed;
		}
		server->tls = tls_context_create(options->tls_cert, options->tls_key, error);
		if (!server->tls) {
			goto failed;
		}
	}
	server->fd = open_listener(server, options->port, options->reuse_port, error);
	if (server->fd < 0) {
		goto failed;
	}
	server->port = bound_port(server->fd);
	server->poll = loop_poll_create(loop, server->fd, on_acceptable, server);
	if (!server->poll) {
		error_set(error, ERROR_CONFIGURATION, "cannot watch the listening socket");
		goto failed;
	}
	loop_poll_set(server->poll, LOOP_READABLE);
	return server;

failed:
	http_server_destroy(server);
	return NULL;
}

uint16_t http_server_port(const struct http_server *server) {
	return server->port;
}

size_t http_server_connections(const struct http_server *server) {
	return server->connection_count;
}

void http_server_check_drained(struct http_server *server) {
	if (server->on_drained && server->connection_count == 0) {
		void (*drained)(void *data) = server->on_drained;
		server->on_drained = NULL;
		drained(server->drained_data);
	}
}

void http_server_drain(struct http_server *server, void (*drained)(void *data), void *data) {
	stop_accepting(server);
	server->is_draining = true;
	struct http_connection *next;
	for (struct http_connection *at = server->connections; at; at = next) {
		next = at->next;
		if (at->protocol) {
			at->protocol->drain(at);
		} else if (at->state == HTTP_CONNECTION_IDLE ||
			   at->state == HTTP_CONNECTION_HANDSHAKE) {
			if (at->tls) {
				tls_shutdown(at->tls);
			}
			http_connection_finish(at);
		}
	}
	/* Set last: it must not be called while the list is walked. */
	server->on_drained = drained;
	server->drained_data = data;
	http_server_check_drained(server);
}

void http_server_destroy(struct http_server *server) {
	if (!server) {
		return;
	}
	stop_accepting(server);
	server->on_drained = NULL;
	while (server->connections) {
		http_connection_finish(server->connections);
	}
	struct http_connection *connection;
	while ((connection = server->free_connections) != NULL) {
		server->free_connections = connection->next;
		free(connection);
	}
	struct http_exchange *exchange;
	while ((exchange = server->free_exchanges) != NULL) {
		server->free_exchanges = exchange->next_free;
		free(exchange);
	}
	tls_context_destroy(server->tls);
	free(server->scratch);
	free(server->host);
	free(server);
}

struct slice http_server_date(struct http_server *server) {
	uint64_t now = loop_now_ms(server->loop);
	if (now >= server->date_until_ms) {
		int64_t wall = clock_wall_ms();
		server->date_len = clock_format_http(wall, server->date);
		server->date_until_ms = now + 1000 - (uint64_t)(wall % 1000);
	}
	return slice_make(server->date, server->date_len);
}
