/* server_h2_guard.c: how often a client of HTTP/2 may do what costs us more than it.
 *
 * Each kind has a budget that refills with time: enough for the busiest honest client, and a flood
 * empties it within a moment. Then the connection ends with ENHANCE_YOUR_CALM. Nothing that is
 * counted here makes memory grow before it does: answers to such frames are queued, and the queue
 * is bounded. */
#include "net/server_h2.h"

static const struct {
	uint32_t burst, per_second;
	const char *words;
} limits[HTTP2_FLOOD_COUNT] = {
	[HTTP2_FLOOD_RESET] = {200, 20, "too many streams were reset"},
	[HTTP2_FLOOD_STREAM_ERROR] = {100, 10, "too many streams broke the protocol"},
	[HTTP2_FLOOD_SETTINGS] = {32, 1, "too many SETTINGS frames"},
	[HTTP2_FLOOD_PING] = {256, 32, "too many PING frames"},
	[HTTP2_FLOOD_PRIORITY] = {256, 32, "too many priority frames"},
	[HTTP2_FLOOD_WINDOW_UPDATE] = {1024, 128, "too many WINDOW_UPDATE frames"},
	[HTTP2_FLOOD_EMPTY_DATA] = {64, 8, "too many DATA frames without data"},
	[HTTP2_FLOOD_GOAWAY] = {64, 8, "too many GOAWAY frames"},
};

void http2_guard_init(struct http2_session *session) {
	for (size_t i = 0; i < HTTP2_FLOOD_COUNT; i++) {
		session->budgets[i] = (struct http2_budget){
			.left = limits[i].burst, .refilled_ms = http2_now_ms(session)};
	}
}

static void refill(struct http2_session *session, enum http2_flood flood) {
	struct http2_budget *budget = &session->budgets[flood];
	uint64_t now = http2_now_ms(session);
	uint64_t more = (now - budget->refilled_ms) * limits[flood].per_second / 1000;
	if (more > 0) {
		budget->refilled_ms = now;
		http2_guard_allow(session, flood, more < UINT32_MAX ? (uint32_t)more : UINT32_MAX);
	}
}

void http2_guard_allow(struct http2_session *session, enum http2_flood flood, uint32_t count) {
	struct http2_budget *budget = &session->budgets[flood];
	uint32_t room = limits[flood].burst - budget->left;
	budget->left += count < room ? count : room;
}

int http2_guard_spend(struct http2_session *session, enum http2_flood flood) {
	struct http2_budget *budget = &session->budgets[flood];
	if (budget->left == 0) {
		refill(session, flood);
	}
	if (budget->left == 0) {
		return http2_condemn(session, NGHTTP2_ENHANCE_YOUR_CALM, limits[flood].words);
	}
	budget->left--;
	return 0;
}

/* A header block has at most one frame of each request, and is bounded by its bytes; but not by its
 * frames, which may be empty (CVE-2024-28182). */
static int count_continuation(struct http2_session *session) {
	if (++session->continuations > HTTP2_CONTINUATIONS_MAX) {
		return http2_condemn(
			session, NGHTTP2_ENHANCE_YOUR_CALM, "too many CONTINUATION frames");
	}
	return 0;
}

static int on_begin_frame(nghttp2_session *nghttp2, const nghttp2_frame_hd *hd, void *user_data) {
	struct http2_session *session = user_data;
	(void)nghttp2;
	switch (hd->type) {
	case NGHTTP2_DATA: /* counted when its padding is known */
		return 0;
	case NGHTTP2_HEADERS:
		session->continuations = 0;
		return 0;
	case NGHTTP2_CONTINUATION:
		return count_continuation(session);
	case NGHTTP2_RST_STREAM:
		return http2_guard_spend(session, HTTP2_FLOOD_RESET);
	case NGHTTP2_SETTINGS:
		return http2_guard_spend(session, HTTP2_FLOOD_SETTINGS);
	case NGHTTP2_PING:
		return http2_guard_spend(session, HTTP2_FLOOD_PING);
	case NGHTTP2_PRIORITY:
		return http2_guard_spend(session, HTTP2_FLOOD_PRIORITY);
	case NGHTTP2_WINDOW_UPDATE:
		return http2_guard_spend(session, HTTP2_FLOOD_WINDOW_UPDATE);
	case NGHTTP2_GOAWAY:
		return http2_guard_spend(session, HTTP2_FLOOD_GOAWAY);
	default:
		return 0; /* unknown frames are skipped: they cost what their bytes cost */
	}
}

/* libnghttp2 answers with a reset of the stream, or of the connection. */
static int on_invalid_frame(
	nghttp2_session *nghttp2, const nghttp2_frame *frame, int lib_error, void *user_data) {
	(void)nghttp2;
	(void)frame;
	(void)lib_error;
	return http2_guard_spend(user_data, HTTP2_FLOOD_STREAM_ERROR);
}

void http2_guard_callbacks(nghttp2_session_callbacks *callbacks) {
	nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
}
