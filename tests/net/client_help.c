/* client_help.c: see client_help.h. */
#include "net/client_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>

static void do_deed(struct answer *answer, enum deed deed) {
	switch (deed) {
	case DEED_CANCEL:
		client_cancel(answer->call);
		answer->is_done = true;
		break;
	case DEED_CANCEL_OTHER:
		client_cancel(answer->other->call);
		answer->other->is_done = true; /* any callback would fail */
		break;
	case DEED_PAUSE:
		client_pause(answer->call);
		break;
	default:
		break;
	}
}

static void on_headers(
	struct client_call *call, int status, const struct http_headers *headers, void *data) {
	struct answer *answer = data;
	assert_ptr_equal(call, answer->call);
	assert_false(answer->has_head);
	assert_false(answer->is_done);
	answer->has_head = true;
	answer->status = status;
	for (size_t i = 0; i < headers->len; i++) {
		buf_append(&answer->headers, headers->items[i].name);
		buf_append_byte(&answer->headers, '=');
		buf_append(&answer->headers, headers->items[i].value);
		buf_append_byte(&answer->headers, '|');
	}
	do_deed(answer, answer->in_headers);
}

static void on_data(struct client_call *call, struct slice bytes, void *data) {
	struct answer *answer = data;
	assert_ptr_equal(call, answer->call);
	assert_true(answer->has_head);
	assert_false(answer->is_done);
	if (answer->body.len < answer->keep_body) {
		buf_append(&answer->body, bytes);
	}
	answer->chunks++;
	answer->largest = bytes.len > answer->largest ? bytes.len : answer->largest;
	if (answer->chunks == answer->at_chunk) {
		do_deed(answer, answer->in_data);
	}
}

static void on_done(struct client_call *call, const struct client_result *result, void *data) {
	struct answer *answer = data;
	assert_ptr_equal(call, answer->call);
	assert_false(answer->is_done);
	answer->result = *result;
	answer->is_done = true;
	do_deed(answer, answer->in_done);
}

const struct client_handler answer_handler = {on_headers, on_data, on_done};

struct client_call *call_url(struct fixture *f, struct answer *answer, const char *url,
	const struct client_request *more) {
	struct client_request request = more ? *more : (struct client_request){0};
	struct error error = {0};
	request.url = url;
	request.method = request.method ? request.method : "GET";
	answer->client = f->client;
	answer->keep_body = answer->keep_body ? answer->keep_body : SIZE_MAX;
	answer->call = client_submit(f->client, &request, &answer_handler, answer, &error);
	if (!answer->call) {
		fail_msg("submit: %s", error.message);
	}
	assert_false(answer->has_head || answer->is_done);
	return answer->call;
}

const char *url_of(struct fixture *f, const char *path) {
	snprintf(f->url, sizeof f->url, "http://127.0.0.1:%d%s", fake_server_port(f->server), path);
	return f->url;
}

struct client_call *call_path(struct fixture *f, struct answer *answer, const char *path,
	const struct client_request *more) {
	return call_url(f, answer, url_of(f, path), more);
}

void wait_for(struct fixture *f, const bool *flag) {
	while (!*flag) {
		loop_run_once(f->loop, true);
	}
}

/* Calls and waits; the answer is the caller's to finish. */
struct answer get(struct fixture *f, const char *path, const struct client_request *more) {
	struct answer answer = {0};
	call_path(f, &answer, path, more);
	wait_for(f, &answer.is_done);
	return answer;
}

void finish(struct answer *answer) {
	buf_finish(&answer->headers);
	buf_finish(&answer->body);
}

void assert_body(const struct answer *answer, const char *wanted) {
	assert_int_equal(answer->result.error.kind, ERROR_NONE);
	if (!slice_is(buf_slice(&answer->body), wanted)) {
		fail_msg("body is %.*s", SLICE_FMT(buf_slice(&answer->body)));
	}
}

void assert_error(const struct answer *answer, enum error_kind kind, const char *text) {
	assert_true(answer->is_done);
	if (answer->result.error.kind != kind || !strstr(answer->result.error.message, text)) {
		fail_msg("error is %d: %s", (int)answer->result.error.kind,
			answer->result.error.message);
	}
}

/* A fresh client as the fixture says. */
void renew_client(struct fixture *f) {
	struct error error;
	struct client_options options = {.shared = f->shared,
		.user_agent = "llm-mux/test",
		.only_libcurl = f->only_libcurl,
		.max_idle = f->max_idle,
		.idle_close_ms = f->idle_close_ms};
	client_destroy(f->client);
	f->client = client_create(f->loop, &options, &error);
	assert_non_null(f->client);
}

static int set_up_engine(void **state, bool only_libcurl) {
	struct fixture *f = calloc(1, sizeof *f);
	struct error error;
	assert_non_null(f);
	f->only_libcurl = only_libcurl;
	f->loop = loop_create(&error);
	assert_non_null(f->loop);
	f->server = fake_server_create(f->loop);
	f->shared = client_shared_create();
	assert_non_null(f->shared);
	renew_client(f);
	*state = f;
	return 0;
}

int set_up(void **state) {
	return set_up_engine(state, false);
}

int set_up_libcurl(void **state) {
	return set_up_engine(state, true);
}

int tear_down(void **state) {
	struct fixture *f = *state;
	client_destroy(f->client);
	client_shared_destroy(f->shared);
	fake_server_destroy(f->server);
	loop_destroy(f->loop);
	free(f);
	return 0;
}

/* Owned bytes, a reference, owned bytes, ... of `total` bytes altogether. */
void fill_body(struct buf *body, char *block, size_t block_len, size_t count) {
	body->allow_refs = true;
	for (size_t i = 0; i < count; i++) {
		buf_append_str(body, "<owned>");
		buf_append_ref(body, slice_make(block, block_len));
	}
	buf_append_str(body, "</owned>");
}

void run_some(struct fixture *f, size_t turns) {
	for (size_t i = 0; i < turns; i++) {
		loop_run_once(f->loop, false);
	}
}
