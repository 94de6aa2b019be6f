/* client_socket.c: libcurl's sockets and its timer on our loop. */
#include <sys/socket.h>
#include <unistd.h>

#include <stdlib.h>

#include "base/mem.h"
#include "net/client_internal.h"

static struct client_socket *find_socket(struct client *client, int fd) {
	size_t slot = (size_t)fd;
	while (client->sockets.len <= slot) {
		VEC_PUSH(&client->sockets);
	}
	if (!client->sockets.items[slot]) {
		struct client_socket *made = mem_calloc(1, sizeof *made);
		*made = (struct client_socket){.client = client, .fd = fd};
		client->sockets.items[slot] = made;
	}
	return client->sockets.items[slot];
}

static void stop_watching(struct client_socket *socket) {
	loop_poll_destroy(socket->poll);
	socket->poll = NULL;
	socket->interest = 0;
}

static void on_ready(struct loop_poll *poll, int status, int ready) {
	struct client_socket *socket = loop_poll_data(poll);
	struct client *client = socket->client;
	int flags = (ready & LOOP_READABLE ? CURL_CSELECT_IN : 0) |
		    (ready & LOOP_WRITABLE ? CURL_CSELECT_OUT : 0);
	int running;
	if (status < 0) {
		/* The loop has stopped watching. libcurl finds the error by trying. */
		socket->interest = 0;
		flags = CURL_CSELECT_IN | CURL_CSELECT_OUT;
	}
	if (socket->is_idle) {
		/* A pooled connection was closed by its server, or bytes wait for a paused call. */
		stop_watching(socket);
		return;
	}
	client->depth++;
	curl_multi_socket_action(client->multi, socket->fd, flags, &running);
	client->depth--;
	client_drain(client);
}

/* CURLMOPT_SOCKETFUNCTION: what libcurl waits for on this socket. */
static int on_interest(CURL *easy, curl_socket_t fd, int what, void *user, void *data) {
	static const int interests[] = {
		[CURL_POLL_IN] = LOOP_READABLE,
		[CURL_POLL_OUT] = LOOP_WRITABLE,
		[CURL_POLL_INOUT] = LOOP_READABLE | LOOP_WRITABLE,
		[CURL_POLL_REMOVE] = 0,
	};
	struct client *client = user;
	struct client_socket *socket = find_socket(client, fd);
	int interest = interests[what];
	(void)easy;
	(void)data;
	socket->is_idle = what == CURL_POLL_REMOVE;
	if (socket->is_idle) {
		if (!socket->is_ours || socket->interest != LOOP_READABLE) {
			stop_watching(socket);
		}
		return 0;
	}
	if (!socket->poll) {
		socket->poll = loop_poll_create(client->loop, fd, on_ready, socket);
		if (!socket->poll) {
			return -1;
		}
		loop_poll_keep_error(socket->poll);
	}
	if (socket->interest != interest) {
		socket->interest = interest;
		loop_poll_set(socket->poll, interest);
	}
	return 0;
}

/* CURLMOPT_TIMERFUNCTION: when libcurl wants to be called without an event. At once (0) is the
 * common case and waits for the end of the turn, so that all new calls start together. */
static int on_timeout(CURLM *multi, long timeout_ms, void *user) {
	struct client *client = user;
	(void)multi;
	client->is_due = timeout_ms == 0;
	if (timeout_ms > 0) {
		loop_timer_start(&client->timer, (uint64_t)timeout_ms);
	} else {
		loop_timer_stop(&client->timer);
	}
	if (client->is_due && !client->turn.link) {
		loop_defer(client->loop, &client->turn);
	}
	return 0;
}

bool client_sockets_attach(struct client *client) {
	return curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_interest) == CURLM_OK &&
	       curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client) == CURLM_OK &&
	       curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timeout) == CURLM_OK &&
	       curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client) == CURLM_OK;
}

void client_sockets_free(struct client *client) {
	for (size_t i = 0; i < client->sockets.len; i++) {
		if (client->sockets.items[i]) {
			stop_watching(client->sockets.items[i]);
			free(client->sockets.items[i]);
		}
	}
	VEC_FINISH(&client->sockets);
}

/* CURLOPT_OPENSOCKETFUNCTION: libcurl 7.88 does not set close-on-exec, and we start programs. */
curl_socket_t client_open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address) {
	struct client *client = user;
	(void)purpose;
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
		address->protocol);
	if (fd < 0) {
		return CURL_SOCKET_BAD;
	}
	find_socket(client, fd)->is_ours = true;
	return fd;
}

/* CURLOPT_CLOSESOCKETFUNCTION */
int client_close_socket(void *user, curl_socket_t fd) {
	struct client_socket *socket = find_socket(user, fd);
	stop_watching(socket);
	socket->is_ours = false;
	return close(fd);
}
