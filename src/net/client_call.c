/* client_call.c: one call and its easy handle: what libcurl is told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/client_internal.h"

/* ---- callbacks of the way out ---------------------------------------------------------------- */

bool call_is_live(const struct client_call *call) {
	return call->state == CALL_RUNNING && call->failure == CALL_FAILURE_NONE;
}

/* CURLOPT_PREREQFUNCTION: connected, the request is about to be sent. */
static int on_connected(void *user, char *ip, char *local_ip, int port, int local_port) {
	struct client_call *call = user;
	(void)ip;
	(void)local_ip;
	(void)port;
	(void)local_port;
	if (!call_is_live(call)) {
		return CURL_PREREQFUNC_ABORT;
	}
	call->was_sent = call->is_connected = true;
	call->sent_ms = loop_now_ms(call->client->loop);
	call_timer_arm(call);
	return CURL_PREREQFUNC_OK;
}

/* CURLOPT_READFUNCTION, for bodies that do not go out with the head. */
static size_t on_read(char *out, size_t size, size_t count, void *user) {
	struct client_call *call = user;
	if (!call_is_live(call)) {
		return CURL_READFUNC_ABORT;
	}
	size_t copied = buf_copy_out(call->body, call->body_at, out, size * count);
	call->body_at += copied;
	call->sent_ms = loop_now_ms(call->client->loop);
	return copied;
}

/* CURLOPT_SEEKFUNCTION: a pooled connection was dead, the body goes out again. */
static int on_seek(void *user, curl_off_t offset, int origin) {
	struct client_call *call = user;
	if (!call_is_live(call) || origin != SEEK_SET || offset < 0) {
		return CURL_SEEKFUNC_FAIL;
	}
	call->body_at = (size_t)offset;
	return CURL_SEEKFUNC_OK;
}

/* ---- creation -------------------------------------------------------------------------------- */

/* Options that are the same for every call of a client. */
static bool set_fixed_options(struct client_call *call) {
	struct client *client = call->client;
	CURL *easy = call->easy;
	CURLcode failed = CURLE_OK;
#define SET(option, value) failed = failed ? failed : curl_easy_setopt(easy, option, value)
	SET(CURLOPT_PRIVATE, call);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_ERRORBUFFER, call->curl_text);
	SET(CURLOPT_USERAGENT, client->user_agent);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(CURLOPT_BUFFERSIZE, CLIENT_BUFFER_BYTES);
	SET(CURLOPT_UPLOAD_BUFFERSIZE, CLIENT_UPLOAD_BYTES);
	/* Decodes every coding libcurl knows; what is asked for is the request's business. */
	SET(CURLOPT_ACCEPT_ENCODING, "");
	SET(CURLOPT_SHARE, client->share);
	SET(CURLOPT_MAXAGE_CONN, client->idle_close_s);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_CAINFO, NULL);
	SET(CURLOPT_CAPATH, NULL);
	SET(CURLOPT_SSL_CTX_FUNCTION, client_tls_setup);
	SET(CURLOPT_SSL_CTX_DATA, client);
	SET(CURLOPT_OPENSOCKETFUNCTION, client_open_socket);
	SET(CURLOPT_OPENSOCKETDATA, client);
	SET(CURLOPT_CLOSESOCKETFUNCTION, client_close_socket);
	SET(CURLOPT_CLOSESOCKETDATA, client);
	SET(CURLOPT_PREREQFUNCTION, on_connected);
	SET(CURLOPT_PREREQDATA, call);
	SET(CURLOPT_READFUNCTION, on_read);
	SET(CURLOPT_READDATA, call);
	SET(CURLOPT_SEEKFUNCTION, on_seek);
	SET(CURLOPT_SEEKDATA, call);
	SET(CURLOPT_HEADERFUNCTION, call_on_header);
	SET(CURLOPT_HEADERDATA, call);
	SET(CURLOPT_WRITEFUNCTION, call_on_body);
	SET(CURLOPT_WRITEDATA, call);
	SET(CURLOPT_NOPROXY, client->environment_has_proxy ? NULL : "*");
#undef SET
	return failed == CURLE_OK;
}

struct client_call *call_create(struct client *client, struct error *error) {
	struct client_call *call = mem_calloc(1, sizeof *call);
	call->client = client;
	call->easy = curl_easy_init();
	call->curl_text = mem_calloc(1, CURL_ERROR_SIZE);
	loop_timer_init(client->loop, &call->timer, call_timer_fire, call);
	if (!call->easy || !set_fixed_options(call)) {
		call_destroy(call);
		error_set(error, ERROR_INTERNAL, "cannot create a call: libcurl refuses an option");
		return NULL;
	}
	return call;
}

void call_clear(struct client_call *call) {
	loop_timer_stop(&call->timer);
	free(call->flat_body);
	call->flat_body = NULL;
	call->body = NULL;
	call->body_at = 0;
	buf_reset(&call->head, CLIENT_HEAD_KEEP);
	buf_finish(&call->held);
	call->headers.len = 0;
	call->failure = CALL_FAILURE_NONE;
	call->is_paused = call->is_stopped = call->was_sent = call->has_head = false;
	call->is_reused = call->is_connected = false;
	call->status = 0;
	call->http_version = 0;
	call->body_bytes = 0;
	call->code = CURLE_OK;
}

void call_destroy(struct client_call *call) {
	call_clear(call);
	if (call->easy) {
		curl_easy_cleanup(call->easy);
	}
	buf_finish(&call->head);
	VEC_FINISH(&call->headers);
	buf_finish(&call->lines.text);
	free(call->lines.nodes);
	free(call->url);
	free(call->proxy);
	free(call->curl_text);
	free(call);
}

/* ---- request lines --------------------------------------------------------------------------- */

/* Framing is ours: such headers of the caller's are left out. */
static const char *const our_headers[] = {
	"content-length", "transfer-encoding", "expect", "te", "trailer", "upgrade"};

bool client_is_our_header(struct slice name) {
	for (size_t i = 0; i < sizeof our_headers / sizeof *our_headers; i++) {
		if (slice_ieq(name, slice_of(our_headers[i]))) {
			return true;
		}
	}
	return false;
}

static void end_line(struct client_lines *lines) {
	buf_append_byte(&lines->text, '\0');
	lines->node_count++;
}

/* libcurl's syntax: "Name: value"; "Name;" for an empty value; "Name:" leaves its own header out.
 */
static void add_line(struct client_lines *lines, struct slice name, struct slice value) {
	buf_append(&lines->text, name);
	buf_append_str(&lines->text, value.len > 0 ? ": " : ";");
	buf_append(&lines->text, value);
	end_line(lines);
}

static void suppress(struct client_lines *lines, const char *name) {
	buf_append_str(&lines->text, name);
	buf_append_byte(&lines->text, ':');
	end_line(lines);
}

/* Makes the nodes once all text is in place. */
static struct curl_slist *link_lines(struct client_lines *lines) {
	if (lines->node_count == 0) {
		return NULL;
	}
	if (lines->node_cap < lines->node_count) {
		lines->nodes =
			mem_realloc_array(lines->nodes, lines->node_count, sizeof *lines->nodes);
		lines->node_cap = lines->node_count;
	}
	char *at = lines->text.data;
	for (size_t i = 0; i < lines->node_count; i++) {
		lines->nodes[i].data = at;
		lines->nodes[i].next = i + 1 < lines->node_count ? &lines->nodes[i + 1] : NULL;
		at += strlen(at) + 1;
	}
	return lines->nodes;
}

static bool has_header(const struct client_request *request, struct slice name) {
	for (size_t i = 0; i < request->header_count; i++) {
		if (slice_ieq(request->headers[i].name, name)) {
			return true;
		}
	}
	return false;
}

bool client_check_request(const struct client_request *request, struct error *error) {
	size_t method_len = strlen(request->method);
	if (method_len >= CLIENT_METHOD_MAX ||
		!http_is_token(slice_make(request->method, method_len))) {
		return error_set(error, ERROR_INVALID_REQUEST, "not an HTTP method");
	}
	for (size_t i = 0; i < request->header_count; i++) {
		bool is_token = http_is_token(request->headers[i].name);
		if (!is_token || !http_is_field_value(slice_trim(request->headers[i].value))) {
			return error_set(error, ERROR_INVALID_REQUEST,
				"a header of the request to the upstream has a forbidden byte in "
				"its %s",
				is_token ? "value" : "name");
		}
	}
	return true;
}

static bool prepare_headers(struct client_call *call, const struct client_request *request) {
	struct client_lines *lines = &call->lines;
	buf_reset(&lines->text, CLIENT_HEAD_KEEP);
	lines->node_count = 0;
	for (size_t i = 0; i < request->header_count; i++) {
		struct slice name = request->headers[i].name;
		struct slice value = slice_trim(request->headers[i].value);
		if (!client_is_our_header(name)) {
			add_line(lines, name, value);
		}
	}
	if (request->body && !has_header(request, SLICE("content-type"))) {
		suppress(lines, "Content-Type");
	}
	if (!has_header(request, SLICE("accept-encoding"))) {
		suppress(lines, "Accept-Encoding");
	}
	if (request->body && buf_total(request->body) > CLIENT_ONE_WRITE_MAX) {
		suppress(lines, "Expect");
	}
	return curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, link_lines(lines)) == CURLE_OK;
}

/* ---- method, body, address ------------------------------------------------------------------- */

static bool is_https(const char *url) {
	return slice_istarts_with(slice_of(url), SLICE("https:"));
}

/* A small body is handed over whole and leaves with the head in one write. On TLS it is pulled:
 * with h2 libcurl would go on reading the caller's memory after a cancel. */
static bool prepare_body(struct client_call *call, const struct buf *body) {
	size_t total = body ? buf_total(body) : 0;
	const char *flat = NULL;
	if (total <= CLIENT_ONE_WRITE_MAX && !is_https(call->url)) {
		flat = body && body->data ? body->data : "";
		if (body && body->ref_count > 0) {
			call->flat_body = mem_alloc(total);
			buf_copy_out(body, 0, call->flat_body, total);
			flat = call->flat_body;
		}
	}
	call->body = body;
	bool is_bulk = total >= CLIENT_BULK_MIN;
	if (call->is_bulk != is_bulk) {
		call->is_bulk = is_bulk;
		curl_easy_setopt(call->easy, CURLOPT_UPLOAD_BUFFERSIZE,
			is_bulk ? CLIENT_UPLOAD_BULK_BYTES : CLIENT_UPLOAD_BYTES);
	}
	return curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, flat) == CURLE_OK &&
	       curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)total) ==
		       CURLE_OK;
}

/* The method libcurl must be told because it would not choose it itself. */
static const char *custom_method(const char *method, bool has_body) {
	bool is_plain = strcmp(method, has_body ? "POST" : "GET") == 0;
	return is_plain || strcmp(method, "HEAD") == 0 ? "" : method;
}

static bool prepare_method(struct client_call *call, const struct client_request *request) {
	bool is_head = strcmp(request->method, "HEAD") == 0;
	bool has_body = !is_head && (request->body || strcmp(request->method, "POST") == 0);
	const char *custom = custom_method(request->method, has_body);
	CURLcode failed = CURLE_OK;
	if (call->is_head != is_head) {
		failed = curl_easy_setopt(call->easy, CURLOPT_NOBODY, (long)is_head);
		call->is_head = is_head;
	}
	if (!failed && strcmp(call->custom_method, custom) != 0) {
		failed = curl_easy_setopt(
			call->easy, CURLOPT_CUSTOMREQUEST, *custom ? custom : NULL);
		snprintf(call->custom_method, sizeof call->custom_method, "%s", custom);
	}
	if (!failed && !has_body && !is_head) {
		failed = curl_easy_setopt(call->easy, CURLOPT_HTTPGET, 1L);
	}
	return !failed && (!has_body || prepare_body(call, request->body));
}

static bool prepare_url(struct client_call *call, const char *url, struct error *error) {
	if (call->url && strcmp(call->url, url) == 0) {
		return true;
	}
	if (!client_check_url(slice_of(url), true, error)) {
		return false;
	}
	free(call->url);
	call->url = mem_dup(url, strlen(url));
	if (curl_easy_setopt(call->easy, CURLOPT_URL, url) != CURLE_OK) {
		return error_set(error, ERROR_CONFIGURATION, "URL: longer than 8 MB");
	}
	return true;
}

static bool prepare_proxy(struct client_call *call, const char *proxy, struct error *error) {
	bool is_same =
		proxy && call->proxy ? strcmp(proxy, call->proxy) == 0 : proxy == call->proxy;
	if (is_same) {
		return true;
	}
	if (proxy && !client_check_proxy(slice_of(proxy), error)) {
		return false;
	}
	bool is_direct =
		proxy ? strcmp(proxy, "direct") == 0 : !call->client->environment_has_proxy;
	free(call->proxy);
	call->proxy = proxy ? mem_dup(proxy, strlen(proxy)) : NULL;
	/* An empty list, not NULL: a proxy the caller names is used whatever NO_PROXY says. */
	const char *exceptions = is_direct ? "*" : proxy ? "" : NULL;
	if (curl_easy_setopt(call->easy, CURLOPT_PROXY, is_direct ? NULL : proxy) != CURLE_OK ||
		curl_easy_setopt(call->easy, CURLOPT_NOPROXY, exceptions) != CURLE_OK) {
		return error_set(error, ERROR_INTERNAL, "proxy: libcurl refuses it");
	}
	return true;
}

bool call_prepare(
	struct client_call *call, const struct client_request *request, struct error *error) {
	if (!client_check_request(request, error) || !prepare_url(call, request->url, error) ||
		!prepare_proxy(call, request->proxy, error)) {
		return false;
	}
	if (!prepare_headers(call, request) || !prepare_method(call, request)) {
		return error_set(error, ERROR_INTERNAL, "libcurl refuses an option of the request");
	}
	call->timeouts = request->timeouts;
	call->max_header_bytes =
		request->max_header_bytes > 0 ? request->max_header_bytes : CLIENT_HEAD_MAX;
	return true;
}
