/* client.h: HTTP client of one loop (h1, h2, TLS, proxies), behind an interface of our own. */
#ifndef LLMMUX_NET_CLIENT_H
#define LLMMUX_NET_CLIENT_H

#include "base/buf.h"
#include "loop/loop.h"
#include "net/http.h"

struct client;      /* connection pools of one loop */
struct client_call; /* one request under way */

/* Shared by the clients of all loops of one instance: the CA store, loaded once before the first
 * https call. */
struct client_shared;
struct client_shared *client_shared_create(void);
void client_shared_destroy(struct client_shared *shared);

struct client_options {
	struct client_shared *shared;
	const char *user_agent; /* "llm-mux/0.1.0" */
	size_t max_idle;        /* idle connections kept, of plain http and of the rest; 0 = 64 */
	unsigned idle_close_ms; /* 0 = 90 s */
	bool only_libcurl;      /* for tests: plain http too, which an engine of ours carries */
};

struct client *client_create(
	struct loop *loop, const struct client_options *options, struct error *error);
/* Cancels what is left (no callbacks) and frees. Accepts NULL. */
void client_destroy(struct client *client);

struct client_timeouts {        /* milliseconds; 0 = none */
	unsigned connect_ms;    /* resolve + TCP + TLS */
	unsigned first_byte_ms; /* from sent to the head of the answer */
	unsigned idle_ms;       /* between bytes of the answer */
	unsigned total_ms;
};

struct client_request {
	const char *method;
	const char *url;
	const struct http_header
		*headers; /* copied; User-Agent is added when absent; framing
			     (Content-Length, ...) is ours, such lines are left out */
	size_t header_count;
	const struct buf *body; /* NULL = none; not copied: must live and stay until on_done or
				   client_cancel; HEAD sends none */
	const char *proxy;      /* NULL: what http_proxy, https_proxy, all_proxy and no_proxy of the
				   environment say; "direct": none, not even from there;
				   http:// https:// socks5:// socks5h:// with optional user:pass@ */
	struct client_timeouts timeouts;
	size_t max_header_bytes; /* 0 = 64 KiB */
};

/* How a call ended. */
struct client_result {
	struct error error; /* kind NONE: the answer is whole. NETWORK (resolve, connect, TLS,
			       reset), TIMEOUT (message says which), UPSTREAM_PROTOCOL (cut short,
			       broken framing) */
	bool was_sent; /* bytes of the request may have reached the server: not blindly repeatable
			*/
	uint64_t body_bytes;
	uint32_t http_version; /* 10, 11, 20; 0 unknown */
	bool reused_connection;
};

/* All on the loop, in this order: on_headers once, on_data any number of times, on_done once,
 * always and last, but not after client_cancel. Interim (1xx) answers and trailers are not shown;
 * redirects are not followed. Content-Encoding is decoded and then not among the headers (nor is
 * Content-Length); coded answers are asked for only by an Accept-Encoding of the request. The
 * headers live until on_done has returned. client_destroy may not be called in here. */
struct client_handler {
	void (*on_headers)(struct client_call *call, int status, const struct http_headers *headers,
		void *data);
	void (*on_data)(struct client_call *call, struct slice bytes, void *data);
	void (*on_done)(struct client_call *call, const struct client_result *result, void *data);
};

/* Starts a call. Never calls back before it returns. NULL with an error only for a request that
 * cannot be made (bad URL, bad proxy). */
struct client_call *client_submit(struct client *client, const struct client_request *request,
	const struct client_handler *handler, void *data, struct error *error);
/* Ends the call and closes or resets its stream; no callback follows. Safe inside callbacks
 * (carried out at the end of the turn) and only before on_done returned. */
void client_cancel(struct client_call *call);
/* Back-pressure: no on_data until resume (which calls back at the end of the turn, never at once);
 * the idle timeout rests. On h2 the bytes are buffered up to 1 MiB, then the call fails with
 * ERROR_OVERLOADED. */
void client_pause(struct client_call *call);
void client_resume(struct client_call *call);

/* Checks a URL (http or https, host present, no user info unless allowed). */
bool client_check_url(struct slice url, bool allow_user, struct error *error);

#endif
