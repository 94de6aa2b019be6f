/* client_h1.c: calls of our HTTP/1.1 engine: the request out, the answer in. client_h1.h draws it.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "net/client_internal.h"

/* Parts of a request that go out in one call of the system. */
#define IOV_MAX_PARTS 64

/* ---- which requests -------------------------------------------------------------------------- */

/* An http URL, taken apart. */
struct target {
	struct slice host; /* as written: an IPv6 address in its brackets */
	uint16_t port;
	struct slice path; /* with the query, without the fragment; may be empty or begin with ? */
};

static bool is_plain_host(struct slice host) {
	static const char allowed[] = "-._[]:";
	for (size_t i = 0; i < host.len; i++) {
		char c = host.data[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    (c != '\0' && strchr(allowed, c)))) {
			return false;
		}
	}
	return host.data[host.len - 1] != '.';
}

/* False for what is libcurl's: other schemes, credentials in the URL, hosts that must be decoded or
 * put into other words, bytes beyond ASCII; and for all that is no URL. */
static bool read_target(struct slice url, struct target *target) {
	if (!slice_istarts_with(url, SLICE("http://")) || !client_check_url(url, false, NULL)) {
		return false;
	}
	struct slice authority = client_url_authority(url);
	size_t bracket = slice_find_byte(authority, ']');
	size_t from = bracket == SIZE_MAX ? 0 : bracket;
	size_t colon = slice_find_byte(slice_from(authority, from), ':');
	uint64_t port = 80;
	target->host = authority;
	if (colon != SIZE_MAX) {
		slice_to_uint64(slice_from(authority, from + colon + 1), &port);
		target->host = slice_sub(authority, 0, from + colon);
	}
	target->port = (uint16_t)port;
	size_t path_at = (size_t)(authority.data + authority.len - url.data);
	target->path = slice_from(url, path_at);
	size_t fragment = slice_find_byte(target->path, '#');
	target->path = slice_sub(target->path, 0, fragment);
	for (size_t i = 0; i < target->path.len; i++) {
		if ((unsigned char)target->path.data[i] >= 0x80) {
			return false;
		}
	}
	return is_plain_host(target->host) &&
	       (target->path.len == 0 || target->path.data[0] != '\\');
}

static const struct http_header *find_header(
	const struct client_request *request, struct slice name) {
	for (size_t i = 0; i < request->header_count; i++) {
		if (slice_ieq(request->headers[i].name, name)) {
			return &request->headers[i];
		}
	}
	return NULL;
}

bool h1_can_carry(const struct client *client, const struct client_request *request) {
	struct target target;
	bool is_direct = request->proxy ? strcmp(request->proxy, "direct") == 0
					: !client->environment_has_http_proxy;
	/* Whoever asks for codings gets all that libcurl can read. */
	return is_direct && !client->only_libcurl && read_target(slice_of(request->url), &target) &&
	       !find_header(request, SLICE("accept-encoding"));
}

/* ---- the request's head ---------------------------------------------------------------------- */

static void add_line(struct buf *text, struct slice name, struct slice value) {
	buf_append(text, name);
	buf_append(text, value.len > 0 ? SLICE(": ") : SLICE(":"));
	buf_append(text, value);
	buf_append(text, SLICE("\r\n"));
}

static void add_host(
	struct buf *text, const struct client_request *request, const struct target *target) {
	const struct http_header *host = find_header(request, SLICE("host"));
	buf_append(text, SLICE("Host: "));
	if (host) {
		buf_append(text, slice_trim(host->value));
	} else {
		buf_append(text, target->host);
		if (target->port != 80) {
			buf_printf(text, ":%u", (unsigned)target->port);
		}
	}
	buf_append(text, SLICE("\r\n"));
}

static void write_head(struct buf *text, const char *user_agent,
	const struct client_request *request, const struct target *target, bool has_body) {
	buf_append_str(text, request->method);
	buf_append(text,
		target->path.len > 0 && target->path.data[0] == '/' ? SLICE(" ") : SLICE(" /"));
	buf_append(text, target->path);
	buf_append(text, SLICE(" HTTP/1.1\r\n"));
	add_host(text, request, target);
	if (user_agent && !find_header(request, SLICE("user-agent"))) {
		add_line(text, SLICE("User-Agent"), slice_of(user_agent));
	}
	if (!find_header(request, SLICE("accept"))) {
		buf_append(text, SLICE("Accept: */*\r\n"));
	}
	for (size_t i = 0; i < request->header_count; i++) {
		struct slice name = request->headers[i].name;
		if (!client_is_our_header(name) && !slice_ieq(name, SLICE("host"))) {
			add_line(text, name, slice_trim(request->headers[i].value));
		}
	}
	if (has_body) {
		buf_printf(text, "Content-Length: %zu\r\n",
			request->body ? buf_total(request->body) : 0);
	}
	buf_append(text, SLICE("\r\n"));
}

struct client_call *h1_call_create(struct client *client) {
	struct client_call *call = mem_calloc(1, sizeof *call);
	call->client = client;
	loop_timer_init(client->loop, &call->timer, call_timer_fire, call);
	if (!client->h1.read_buffer) {
		client->h1.read_buffer = mem_alloc(H1_READ_BYTES);
	}
	return call;
}

bool h1_prepare(
	struct client_call *call, const struct client_request *request, struct error *error) {
	struct target target;
	if (!client_check_request(request, error)) {
		return false;
	}
	if (!call->url || strcmp(call->url, request->url) != 0) {
		free(call->url);
		call->url = mem_dup(request->url, strlen(request->url));
	}
	read_target(slice_of(call->url), &target);
	bool is_head = strcmp(request->method, "HEAD") == 0;
	bool has_body = !is_head && (request->body || strcmp(request->method, "POST") == 0);
	buf_reset(&call->lines.text, CLIENT_HEAD_KEEP);
	write_head(&call->lines.text, call->client->user_agent, request, &target, has_body);
	call->body = has_body ? request->body : NULL;
	call->timeouts = request->timeouts;
	call->max_header_bytes =
		request->max_header_bytes > 0 ? request->max_header_bytes : CLIENT_HEAD_MAX;
	bool is_bracketed = target.host.data[0] == '[';
	call->h1 = (struct h1_exchange){
		.host = is_bracketed ? slice_sub(target.host, 1, target.host.len - 2) : target.host,
		.port = target.port,
		.total = call->lines.text.len + (call->body ? buf_total(call->body) : 0),
	};
	h1_answer_init(
		&call->h1.answer, is_head, call->max_header_bytes, &call->head, &call->headers);
	return true;
}

/* ---- the ends of a call ---------------------------------------------------------------------- */

void h1_detach(struct client_call *call) {
	if (call->h1.connection) {
		h1_close(call->h1.connection);
	}
	h1_answer_finish(&call->h1.answer);
}

/* The answer is whole; `is_clean`: and nothing stands behind it. */
static void end_call(struct client_call *call, bool is_clean) {
	struct h1_connection *connection = call->h1.connection;
	if (is_clean && call->h1.answer.keep_alive && call->h1.sent == call->h1.total) {
		call->h1.connection = NULL;
		connection->call = NULL;
		connection->has_served = true;
		loop_poll_set(connection->poll, LOOP_READABLE);
		h1_put_idle(connection);
	}
	call_finish(call);
}

/* The connection broke. */
static void lose_connection(struct client_call *call, enum call_failure failure, int error_number) {
	if (call->h1.connection->has_served && !call->h1.is_heard && !call->h1.is_again) {
		h1_close(call->h1.connection);
		call->h1.is_again = true;
		call->h1.is_given_up = call->is_reused = false;
		call->h1.sent = 0;
		call->h1.send_error = 0;
		h1_connect(call);
		return;
	}
	call->h1.error_number = error_number;
	call_fail(call, failure);
}

/* ---- bytes out ------------------------------------------------------------------------------- */

enum sending {
	SENDING_DONE,
	SENDING_BLOCKED,
	SENDING_BROKEN /* errno says why */
};

static ssize_t send_some(struct client_call *call) {
	const struct buf *head = &call->lines.text;
	struct iovec parts[IOV_MAX_PARTS];
	size_t at = call->h1.sent, count = 0;
	if (at < head->len) {
		parts[count++] =
			(struct iovec){.iov_base = head->data + at, .iov_len = head->len - at};
	}
	if (call->body) {
		size_t body_at = at < head->len ? 0 : at - head->len;
		count += (size_t)buf_iovec(
			call->body, body_at, parts + count, IOV_MAX_PARTS - (int)count);
	}
	const struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
	return sendmsg(call->h1.connection->fd, &message, MSG_NOSIGNAL);
}

static enum sending send_request(struct client_call *call) {
	while (call->h1.sent < call->h1.total) {
		ssize_t sent = send_some(call);
		if (sent < 0 && errno == EINTR) {
			continue;
		}
		if (sent < 0) {
			return errno == EAGAIN ? SENDING_BLOCKED : SENDING_BROKEN;
		}
		call->h1.sent += (size_t)sent;
		call->was_sent = true;
		call->sent_ms = loop_now_ms(call->client->loop);
	}
	return SENDING_DONE;
}

static void watch(struct client_call *call) {
	struct h1_connection *connection = call->h1.connection;
	loop_poll_set(
		connection->poll, (call->is_stopped ? 0 : LOOP_READABLE) |
					  (connection->state == H1_SENDING ? LOOP_WRITABLE : 0));
}

/* Sends what there is to send. A broken connection may still hold an answer (a server that refuses
 * a body and closes), so that is found out by reading. */
static void go_on_sending(struct client_call *call) {
	enum sending sending = send_request(call);
	if (sending == SENDING_BROKEN) {
		call->h1.send_error = errno;
		call->h1.is_given_up = true;
	}
	call->h1.connection->state = sending == SENDING_BLOCKED ? H1_SENDING : H1_WAITING;
	watch(call);
}

static void begin(struct client_call *call) {
	call->is_connected = true;
	call->sent_ms = loop_now_ms(call->client->loop);
	go_on_sending(call);
	call_timer_arm(call);
}

bool h1_start_at_once(struct client_call *call) {
	struct h1_connection *connection;
	call->started_ms = call->connecting_ms = loop_now_ms(call->client->loop);
	while ((connection = h1_take_idle(call->client, call->h1.host, call->h1.port))) {
		connection->state = H1_WAITING;
		connection->call = call;
		call->h1.connection = connection;
		call->state = CALL_RUNNING;
		call->is_reused = true;
		begin(call);
		if (call->h1.sent > 0 || !call->h1.is_given_up) {
			return true;
		}
		/* Dead, and nothing was sent: as if it had not been there. */
		h1_close(connection);
		loop_timer_stop(&call->timer);
		call->h1.is_given_up = call->is_reused = call->is_connected = false;
		call->h1.send_error = 0;
		call->state = CALL_QUEUED;
	}
	return false;
}

void h1_start(struct client_call *call) {
	call->state = CALL_RUNNING;
	h1_connect(call);
}

void h1_connected(struct client_call *call) {
	begin(call);
}

/* ---- bytes in -------------------------------------------------------------------------------- */

static void stop_reading(struct client_call *call, struct slice rest) {
	buf_append(&call->held, rest);
	call->is_stopped = true;
	watch(call);
}

/* The final head is here. A server that refuses the request wants no more of its body (RFC 9110
 * section 10.1.1 and 9112 section 9.3 let us close); one that is content may still be reading. */
static void take_head(struct client_call *call) {
	struct h1_answer *answer = &call->h1.answer;
	call->has_head = true;
	call->status = answer->status;
	call->http_version = answer->minor_version == 0 ? 10 : 11;
	if (answer->status >= 300 && call->h1.connection->state == H1_SENDING) {
		call->h1.is_given_up = true;
		call->h1.connection->state = H1_WAITING;
		watch(call);
	}
	if (answer->inflater.coding != INFLATE_IDENTITY && !call->client->h1.inflate_buffer) {
		call->client->h1.inflate_buffer = mem_alloc(H1_INFLATE_BYTES);
	}
	call_timer_arm(call);
	call->handler.on_headers(call, call->status, &call->headers, call->data);
}

/* Gives the caller what the bytes hold. False when the call is over or was cancelled. */
static bool take(struct client_call *call, struct slice in) {
	static const enum call_failure failures[] = {
		[H1_TOO_LARGE] = CALL_FAILURE_HEAD,
		[H1_NOT_HTTP] = CALL_FAILURE_NOT_HTTP,
		[H1_BROKEN_FRAMING] = CALL_FAILURE_FRAMING,
		[H1_BROKEN_CODING] = CALL_FAILURE_CODING,
	};
	struct h1_client *h1 = &call->client->h1;
	while (!call->is_paused) {
		struct slice data;
		enum h1_event event = h1_answer_next(
			&call->h1.answer, &in, h1->inflate_buffer, H1_INFLATE_BYTES, &data);
		switch (event) {
		case H1_NEED_MORE:
			return true;
		case H1_HEAD:
			take_head(call);
			break;
		case H1_DATA:
			call->body_bytes += data.len;
			call->handler.on_data(call, data, call->data);
			break;
		case H1_END:
			end_call(call, in.len == 0);
			return false;
		default:
			call_fail(call, failures[event]);
			return false;
		}
		/* The caller may have cancelled; the call itself stays until the turn ends. */
		if (!call_is_live(call)) {
			return false;
		}
	}
	stop_reading(call, in);
	return true;
}

/* The server closed its side. */
static void take_close(struct client_call *call) {
	enum h1_event event = h1_answer_close(&call->h1.answer);
	if (event == H1_END) {
		end_call(call, false);
	} else if (event == H1_BROKEN_CODING) {
		call_fail(call, CALL_FAILURE_CODING);
	} else if (call->has_head) {
		call_fail(call, CALL_FAILURE_CUT_BODY);
	} else if (call->h1.send_error != 0) {
		lose_connection(call, CALL_FAILURE_SEND, call->h1.send_error);
	} else {
		lose_connection(call,
			call->h1.is_heard ? CALL_FAILURE_CUT_HEAD : CALL_FAILURE_NO_ANSWER, 0);
	}
}

static void read_some(struct client_call *call) {
	char *buffer = call->client->h1.read_buffer;
	if (call->is_paused) {
		stop_reading(call, (struct slice){0});
		return;
	}
	ssize_t len = recv(call->h1.connection->fd, buffer, H1_READ_BYTES, 0);
	if (len > 0) {
		call->heard_ms = loop_now_ms(call->client->loop);
		call->h1.is_heard = true;
		take(call, slice_make(buffer, (size_t)len));
	} else if (len == 0) {
		take_close(call);
	} else if (errno != EAGAIN && errno != EINTR) {
		lose_connection(call, CALL_FAILURE_LOST, errno);
	}
}

void h1_ready(struct client_call *call, int status, int ready) {
	if (status < 0) {
		/* All that came before the error was read. */
		lose_connection(call,
			call->h1.send_error != 0 && !call->has_head ? CALL_FAILURE_SEND
								    : CALL_FAILURE_LOST,
			-status);
		return;
	}
	if (ready & LOOP_WRITABLE) {
		go_on_sending(call);
	}
	if (ready & LOOP_READABLE) {
		read_some(call);
	}
}

void h1_go_on(struct client_call *call) {
	if (call->state != CALL_RUNNING || call->is_paused) {
		return;
	}
	/* Also for a call that has nothing to get: its idle timeout rested. */
	call->heard_ms = loop_now_ms(call->client->loop);
	call_timer_arm(call);
	if (!call->is_stopped) {
		return;
	}
	struct buf held = call->held;
	call->held = (struct buf){0};
	bool is_running = take(call, buf_slice(&held));
	buf_finish(&held);
	if (is_running && !call->is_paused) {
		call->is_stopped = false;
		watch(call);
	}
}
