/* client_error.c: how a call ended, in our words. Messages name host and port, never the rest of
 * the URL. */
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "net/client_internal.h"

/* What is added to a row's text. */
enum detail {
	DETAIL_NONE,
	DETAIL_ERRNO,  /* the system's words */
	DETAIL_VERIFY, /* why the certificate was refused */
	DETAIL_TEXT    /* libcurl's words */
};

static const struct {
	CURLcode code;
	enum error_kind kind;
	enum detail detail;
	const char *text; /* followed by host:port */
} curl_ends[] = {
	{CURLE_COULDNT_RESOLVE_HOST, ERROR_NETWORK, DETAIL_NONE, "cannot resolve the name of"},
	{CURLE_COULDNT_RESOLVE_PROXY, ERROR_NETWORK, DETAIL_NONE,
		"cannot resolve the name of the proxy for"},
	{CURLE_COULDNT_CONNECT, ERROR_NETWORK, DETAIL_ERRNO, "cannot connect to"},
	{CURLE_PROXY, ERROR_NETWORK, DETAIL_NONE, "the proxy does not connect us to"},
	{CURLE_SSL_CONNECT_ERROR, ERROR_NETWORK, DETAIL_TEXT, "TLS handshake failed with"},
	{CURLE_PEER_FAILED_VERIFICATION, ERROR_NETWORK, DETAIL_VERIFY,
		"cannot verify the certificate of"},
	{CURLE_SSL_CACERT_BADFILE, ERROR_NETWORK, DETAIL_NONE,
		"no certificate authorities were found (set SSL_CERT_FILE or SSL_CERT_DIR) for"},
	{CURLE_GOT_NOTHING, ERROR_NETWORK, DETAIL_NONE, "connection closed without an answer by"},
	{CURLE_SEND_ERROR, ERROR_NETWORK, DETAIL_ERRNO, "connection lost while sending to"},
	{CURLE_OPERATION_TIMEDOUT, ERROR_TIMEOUT, DETAIL_NONE, "no connection within 300 s to"},
	{CURLE_BAD_CONTENT_ENCODING, ERROR_UPSTREAM_PROTOCOL, DETAIL_NONE,
		"unreadable Content-Encoding in the answer from"},
	{CURLE_UNSUPPORTED_PROTOCOL, ERROR_UPSTREAM_PROTOCOL, DETAIL_NONE,
		"the answer is not HTTP from"},
	{CURLE_WEIRD_SERVER_REPLY, ERROR_UPSTREAM_PROTOCOL, DETAIL_NONE,
		"the answer is not HTTP from"},
	{CURLE_HTTP2, ERROR_UPSTREAM_PROTOCOL, DETAIL_NONE, "HTTP/2 connection broken by"},
	{CURLE_HTTP2_STREAM, ERROR_UPSTREAM_PROTOCOL, DETAIL_NONE, "HTTP/2 stream reset by"},
	{CURLE_OUT_OF_MEMORY, ERROR_INTERNAL, DETAIL_NONE, "out of memory while calling"},
};

static const struct {
	const char *text;
	const char *name;
	size_t limit; /* offset in struct client_timeouts */
} timeouts[CALL_FAILURE_COUNT] = {
	[CALL_FAILURE_CONNECT_TIMEOUT] = {"no connection", "connect",
		offsetof(struct client_timeouts, connect_ms)},
	[CALL_FAILURE_FIRST_BYTE_TIMEOUT] = {"no answer", "first-byte",
		offsetof(struct client_timeouts, first_byte_ms)},
	[CALL_FAILURE_IDLE_TIMEOUT] = {"no further byte of the answer", "idle",
		offsetof(struct client_timeouts, idle_ms)},
	[CALL_FAILURE_TOTAL_TIMEOUT] = {"no whole answer", "total",
		offsetof(struct client_timeouts, total_ms)},
};

/* How our own engine's calls end; the words are those of the table above. */
static const struct {
	enum error_kind kind;
	const char *text; /* followed by host:port, and by the system's words if it has any */
} own_ends[CALL_FAILURE_COUNT] = {
	[CALL_FAILURE_RESOLVE] = {ERROR_NETWORK, "cannot resolve the name of"},
	[CALL_FAILURE_CONNECT] = {ERROR_NETWORK, "cannot connect to"},
	[CALL_FAILURE_SEND] = {ERROR_NETWORK, "connection lost while sending to"},
	[CALL_FAILURE_LOST] = {ERROR_NETWORK, "connection lost to"},
	[CALL_FAILURE_NO_ANSWER] = {ERROR_NETWORK, "connection closed without an answer by"},
	[CALL_FAILURE_CUT_HEAD] = {ERROR_NETWORK, "connection closed in the head of the answer by"},
	[CALL_FAILURE_NOT_HTTP] = {ERROR_UPSTREAM_PROTOCOL, "the answer is not HTTP from"},
	[CALL_FAILURE_FRAMING] = {ERROR_UPSTREAM_PROTOCOL, "broken framing of the answer from"},
	[CALL_FAILURE_CODING] = {ERROR_UPSTREAM_PROTOCOL,
		"unreadable Content-Encoding in the answer from"},
};

static void describe_own(struct client_call *call, struct slice host, struct error *error) {
	char text[128];
	int number = call->h1.error_number;
	error_set(error, own_ends[call->failure].kind, "%s %.*s%s%s", own_ends[call->failure].text,
		SLICE_FMT(host), number > 0 ? ": " : "",
		number > 0 ? strerror_r(number, text, sizeof text) : "");
}

static void describe_failure(struct client_call *call, struct slice host, struct error *error) {
	char limit[CLOCK_TEXT_MAX];
	if (call->failure == CALL_FAILURE_HEAD) {
		error_set(error, ERROR_UPSTREAM_PROTOCOL,
			"the head of the answer is larger than %zu bytes: %.*s",
			call->max_header_bytes, SLICE_FMT(host));
	} else if (call->failure == CALL_FAILURE_BEHIND) {
		error_set(error, ERROR_OVERLOADED,
			"the reader fell %zu bytes behind the answer from %.*s", CLIENT_HELD_MAX,
			SLICE_FMT(host));
	} else if (own_ends[call->failure].text) {
		describe_own(call, host, error);
	} else {
		unsigned limit_ms = *(const unsigned *)((const char *)&call->timeouts +
							timeouts[call->failure].limit);
		clock_format_duration(limit_ms, limit);
		error_set(error, ERROR_TIMEOUT, "%s within %s (%s timeout) from %.*s",
			timeouts[call->failure].text, limit, timeouts[call->failure].name,
			SLICE_FMT(host));
	}
}

static const char *describe_detail(
	const struct client_call *call, enum detail detail, char *text, size_t size) {
	long number = 0;
	switch (detail) {
	case DETAIL_ERRNO:
		curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &number);
		return number > 0 ? strerror_r((int)number, text, size) : "";
	case DETAIL_VERIFY:
		curl_easy_getinfo(call->easy, CURLINFO_SSL_VERIFYRESULT, &number);
		return number > 0 ? X509_verify_cert_error_string(number) : "wrong host name";
	case DETAIL_TEXT:
		return call->curl_text;
	case DETAIL_NONE:
		break;
	}
	return "";
}

/* A lost connection means different things before, in and after the head. */
static void describe_lost(struct client_call *call, struct slice host, struct error *error) {
	char text[128];
	long proxy_status = 0;
	curl_easy_getinfo(call->easy, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
	/* The number is of the last system error, perhaps of an earlier call; the text tells. */
	bool is_system = strncmp(call->curl_text, "Recv failure", 12) == 0;
	const char *system = describe_detail(call, DETAIL_ERRNO, text, sizeof text);
	if (proxy_status >= 300 && !call->was_sent) {
		error_set(error, ERROR_NETWORK,
			"the proxy does not connect us to %.*s (status %ld)", SLICE_FMT(host),
			proxy_status);
	} else if (is_system && *system) {
		error_set(error, ERROR_NETWORK, "connection lost to %.*s: %s", SLICE_FMT(host),
			system);
	} else if (call->has_head) {
		error_set(error, ERROR_UPSTREAM_PROTOCOL, "broken framing of the answer from %.*s",
			SLICE_FMT(host));
	} else {
		error_set(error, ERROR_NETWORK, "connection lost to %.*s", SLICE_FMT(host));
	}
}

void call_describe_end(struct client_call *call, struct error *error) {
	struct slice host = client_url_authority(slice_of(call->url));
	char text[128];
	if (call->failure == CALL_FAILURE_CUT_BODY || call->code == CURLE_PARTIAL_FILE) {
		error_set(error, ERROR_UPSTREAM_PROTOCOL,
			"the answer was cut short after %llu bytes by %.*s",
			(unsigned long long)call->body_bytes, SLICE_FMT(host));
		return;
	}
	if (call->failure != CALL_FAILURE_NONE) {
		describe_failure(call, host, error);
		return;
	}
	if (call->code == CURLE_RECV_ERROR) {
		describe_lost(call, host, error);
		return;
	}
	for (size_t i = 0; i < sizeof curl_ends / sizeof *curl_ends; i++) {
		if (curl_ends[i].code == call->code) {
			const char *detail =
				describe_detail(call, curl_ends[i].detail, text, sizeof text);
			error_set(error, curl_ends[i].kind, "%s %.*s%s%s", curl_ends[i].text,
				SLICE_FMT(host), *detail ? ": " : "", detail);
			return;
		}
	}
	error_set(
		error, ERROR_NETWORK, "%s: %.*s", curl_easy_strerror(call->code), SLICE_FMT(host));
}
