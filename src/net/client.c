/* client.c: the client of one loop: submitting, cancelling and ending calls. */
#include <stdlib.h>

#include "base/mem.h"
#include "net/client_internal.h"

/* ---- the life of a call ---------------------------------------------------------------------- */

/* Puts a call into the queue that is served at the end of the turn. */
void client_list(struct client_call *call) {
	struct client *client = call->client;
	if (call->is_listed) {
		return;
	}
	call->is_listed = true;
	call->queue_next = NULL;
	*client->queue_end = call;
	client->queue_end = &call->queue_next;
	if (!client->turn.link) {
		loop_defer(client->loop, &client->turn);
	}
}

static void detach(struct client_call *call) {
	if (!call->easy) {
		h1_detach(call);
	}
	if (call->is_attached) {
		curl_multi_remove_handle(call->client->multi, call->easy);
		call->is_attached = false;
	}
}

static void unlink_call(struct client_call *call) {
	if (call->prev) {
		call->prev->next = call->next;
	} else {
		call->client->calls = call->next;
	}
	if (call->next) {
		call->next->prev = call->prev;
	}
	call->prev = call->next = NULL;
}

/* Into the pool, or out of the world; a call still in the queue goes when its turn comes. */
static void release(struct client_call *call) {
	struct client *client = call->client;
	if (call->is_listed) {
		return;
	}
	detach(call);
	unlink_call(call);
	call_clear(call);
	call->state = CALL_POOLED;
	if (!call->easy && client->own_pool.len < CLIENT_POOL_MAX) {
		*VEC_PUSH(&client->own_pool) = call;
	} else if (call->easy && client->pool.len < CLIENT_POOL_MAX) {
		*VEC_PUSH(&client->pool) = call;
	} else {
		call_destroy(call);
	}
}

void call_finish(struct client_call *call) {
	struct client_result result = {
		.was_sent = call->was_sent,
		.body_bytes = call->body_bytes,
		.http_version = call->http_version,
		.reused_connection = call->is_reused,
	};
	loop_timer_stop(&call->timer);
	if (call->code != CURLE_OK || call->failure != CALL_FAILURE_NONE) {
		call_describe_end(call, &result.error);
	}
	detach(call);
	call->state = CALL_OVER;
	call->handler.on_done(call, &result, call->data);
	release(call);
}

/* libcurl is done with it. */
static void end(struct client_call *call, CURLcode code) {
	long connects = 0;
	curl_easy_getinfo(call->easy, CURLINFO_NUM_CONNECTS, &connects);
	call->is_reused = call->was_sent && connects == 0;
	call->code = code == CURLE_OK && !call->has_head ? CURLE_GOT_NOTHING : code;
	if (call->state == CALL_CANCELLED) {
		detach(call);
		return; /* it is in the queue */
	}
	if (call->is_paused && call->held.len > 0 && call->failure == CALL_FAILURE_NONE) {
		call->state = CALL_DRAINING;
		loop_timer_stop(&call->timer);
		return;
	}
	call_finish(call);
}

void call_fail(struct client_call *call, enum call_failure failure) {
	call->failure = failure;
	call_finish(call);
}

void client_drain(struct client *client) {
	int left;
	for (CURLMsg *message; (message = curl_multi_info_read(client->multi, &left));) {
		struct client_call *call = NULL;
		if (message->msg == CURLMSG_DONE) {
			CURLcode code = message->data.result;
			curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
			end(call, code);
		}
	}
}

/* ---- the end of a turn ----------------------------------------------------------------------- */

static void start(struct client_call *call) {
	if (!call->easy) {
		h1_start(call);
		return;
	}
	call->state = CALL_RUNNING;
	call->started_ms = call->connecting_ms = loop_now_ms(call->client->loop);
	call_timer_arm(call);
	if (curl_multi_add_handle(call->client->multi, call->easy) != CURLM_OK) {
		call->code = CURLE_OUT_OF_MEMORY;
		call_finish(call);
		return;
	}
	call->is_attached = true;
}

static void go_on(struct client_call *call) {
	struct client *client = call->client;
	if (!call->easy) {
		h1_go_on(call);
		return;
	}
	call_give_held(call);
	if (call->state == CALL_DRAINING && !call->is_paused) {
		call_finish(call);
	} else if (call->state == CALL_RUNNING && !call->is_paused) {
		/* Also when nothing was held back: the idle timeout rested. */
		call->heard_ms = loop_now_ms(client->loop);
		call_timer_arm(call);
		if (call->is_stopped) {
			call->is_stopped = false;
			client->depth++;
			curl_easy_pause(call->easy, CURLPAUSE_CONT);
			client->depth--;
		}
	}
}

static void serve(struct client_call *call) {
	switch (call->state) {
	case CALL_QUEUED:
		start(call);
		break;
	case CALL_RUNNING:
	case CALL_DRAINING:
		if (!call->is_paused) {
			go_on(call);
		}
		break;
	case CALL_OVER:
	case CALL_CANCELLED:
		release(call);
		break;
	case CALL_POOLED:
	case CALL_STATE_COUNT:
		break;
	}
}

static void on_turn(struct loop_deferred *deferred) {
	struct client *client = deferred->data;
	struct client_call *call;
	while ((call = client->queue_first)) {
		client->queue_first = call->queue_next;
		if (!client->queue_first) {
			client->queue_end = &client->queue_first;
		}
		call->is_listed = false;
		serve(call);
	}
	if (client->is_due) {
		int running;
		client->is_due = false;
		client->depth++;
		curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
		client->depth--;
	}
	client_drain(client);
	if (!client->is_due && !client->queue_first) {
		loop_defer_cancel(&client->turn);
	}
}

static void on_timer(struct loop_timer *timer) {
	struct client *client = timer->data;
	client->is_due = true;
	on_turn(&client->turn);
}

/* ---- the public face ------------------------------------------------------------------------- */

/* The variables libcurl reads; http_proxy is not among them in upper case. */
static bool environment_has(const char *const *names) {
	for (size_t i = 0; names[i]; i++) {
		const char *value = getenv(names[i]);
		if (value && *value) {
			return true;
		}
	}
	return false;
}

static void read_environment(struct client *client) {
	static const char *const for_http[] = {"http_proxy", "all_proxy", "ALL_PROXY", NULL};
	static const char *const for_https[] = {"https_proxy", "HTTPS_PROXY", NULL};
	client->environment_has_http_proxy = environment_has(for_http);
	client->environment_has_proxy =
		client->environment_has_http_proxy || environment_has(for_https);
}

struct client *client_create(
	struct loop *loop, const struct client_options *options, struct error *error) {
	struct client *client = mem_calloc(1, sizeof *client);
	unsigned idle_ms =
		options->idle_close_ms > 0 ? options->idle_close_ms : CLIENT_IDLE_CLOSE_MS;
	size_t max_idle = options->max_idle > 0 ? options->max_idle : CLIENT_MAX_IDLE;
	client->loop = loop;
	client->shared = options->shared;
	client->idle_close_s = (long)((idle_ms + 999) / 1000);
	client->only_libcurl = options->only_libcurl;
	read_environment(client);
	h1_client_init(client, max_idle, idle_ms);
	client->queue_end = &client->queue_first;
	client->turn = (struct loop_deferred){.fn = on_turn, .data = client};
	loop_timer_init(loop, &client->timer, on_timer, client);
	if (options->user_agent) {
		client->user_agent = mem_dup(options->user_agent, strlen(options->user_agent));
	}
	client->multi = curl_multi_init();
	client->share = curl_share_init();
	if (!client->multi || !client->share || !client_sockets_attach(client) ||
		curl_share_setopt(client->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) !=
			CURLSHE_OK ||
		curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)max_idle) !=
			CURLM_OK) {
		client_destroy(client);
		error_set(error, ERROR_INTERNAL, "cannot create an HTTP client: out of memory");
		return NULL;
	}
	return client;
}

void client_destroy(struct client *client) {
	if (!client) {
		return;
	}
	for (struct client_call *call; (call = client->calls);) {
		detach(call);
		unlink_call(call);
		call_destroy(call);
	}
	for (size_t i = 0; i < client->pool.len; i++) {
		call_destroy(client->pool.items[i]);
	}
	for (size_t i = 0; i < client->own_pool.len; i++) {
		call_destroy(client->own_pool.items[i]);
	}
	VEC_FINISH(&client->pool);
	VEC_FINISH(&client->own_pool);
	h1_client_finish(client);
	curl_multi_cleanup(client->multi);
	curl_share_cleanup(client->share);
	loop_timer_stop(&client->timer);
	loop_defer_cancel(&client->turn);
	client_sockets_free(client);
	free(client->user_agent);
	free(client);
}

/* A call of the engine that can carry the request. */
static struct client_call *take_call(
	struct client *client, const struct client_request *request, struct error *error) {
	if (h1_can_carry(client, request)) {
		return client->own_pool.len > 0 ? client->own_pool.items[--client->own_pool.len]
						: h1_call_create(client);
	}
	return client->pool.len > 0 ? client->pool.items[--client->pool.len]
				    : call_create(client, error);
}

struct client_call *client_submit(struct client *client, const struct client_request *request,
	const struct client_handler *handler, void *data, struct error *error) {
	struct client_call *call = take_call(client, request, error);
	if (!call) {
		return NULL;
	}
	call->handler = *handler;
	call->data = data;
	call->next = client->calls;
	if (call->next) {
		call->next->prev = call;
	}
	client->calls = call;
	bool is_good =
		call->easy ? call_prepare(call, request, error) : h1_prepare(call, request, error);
	if (!is_good) {
		release(call);
		return NULL;
	}
	call->state = CALL_QUEUED;
	if (call->easy || !h1_start_at_once(call)) {
		client_list(call);
	}
	return call;
}

void client_cancel(struct client_call *call) {
	if (call->state == CALL_OVER || call->state == CALL_CANCELLED) {
		return;
	}
	call->state = CALL_CANCELLED;
	loop_timer_stop(&call->timer);
	if (call->client->depth == 0 || !call->easy) {
		detach(call);
	}
	client_list(call);
}

void client_pause(struct client_call *call) {
	call->is_paused = true;
}

void client_resume(struct client_call *call) {
	if (call->is_paused) {
		call->is_paused = false;
		client_list(call);
	}
}
