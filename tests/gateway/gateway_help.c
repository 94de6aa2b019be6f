/* gateway_help.c: the gateway under test and its clients. */
#include "gateway/gateway_help.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

static struct config *load(char dir[64], const char *yaml) {
	snprintf(dir, 64, "/tmp/llm-mux-gateway-XXXXXX");
	assert_non_null(mkdtemp(dir));
	char path[96];
	snprintf(path, sizeof path, "%s/config.yaml", dir);
	struct error error;
	if (yaml) {
		assert_true(file_write_atomic(path, slice_of(yaml), 0600, &error));
	}
	char *environment[] = {NULL};
	const struct config_request request = {.dir = dir, .environment = environment};
	struct buf report = {0};
	struct config *config = config_load(&request, false, &report, &error);
	if (!config) {
		fail_msg("%.*s", (int)report.len, report.data);
	}
	buf_finish(&report);
	unlink(path);
	rmdir(dir);
	return config;
}

struct config *gateway_config(const char *yaml) {
	char dir[64];
	return load(dir, yaml);
}

void gateway_open(struct gateway_fixture *f, const char *yaml) {
	struct error error;
	*f = (struct gateway_fixture){.log_fd = -1};
	f->config = load(f->dir, yaml);
	char name[] = "/tmp/llm-mux-log-XXXXXX";
	f->log_fd = mkstemp(name);
	assert_true(f->log_fd >= 0);
	unlink(name);
	f->log = log_create(&(struct log_options){.level = LOG_DEBUG, .fd = f->log_fd});
	f->mux = mux_create(
		&(struct mux_options){.config = f->config, .log = f->log, .user_agent = "test"},
		&error);
	assert_non_null(f->mux);
	f->loop = loop_create(&error);
	assert_non_null(f->loop);
	f->mux_loop = mux_loop_create(f->mux, f->loop, &error);
	assert_non_null(f->mux_loop);
	f->store =
		responses_store_create((size_t)f->config->stored_bytes, f->config->stored_ttl_ms);
	f->gateway = gateway_loop_create(&(struct gateway_options){.mux_loop = f->mux_loop,
						 .loop = f->loop,
						 .log = f->log,
						 .host = "127.0.0.1",
						 .store = f->store},
		&error);
	assert_non_null(f->gateway);
	alarm(600); /* a guard against hanging, far beyond what valgrind on a busy machine takes */
}

void gateway_close(struct gateway_fixture *f) {
	gateway_loop_destroy(f->gateway);
	responses_store_destroy(f->store);
	mux_loop_destroy(f->mux_loop);
	loop_destroy(f->loop);
	mux_destroy(f->mux);
	config_unref(f->config);
	log_destroy(f->log);
	close(f->log_fd);
	alarm(0);
}

struct buf gateway_read_log(struct gateway_fixture *f) {
	struct buf text = {0};
	log_flush(f->log);
	off_t at = 0;
	for (;;) {
		char *room = buf_reserve(&text, 4096);
		ssize_t count = pread(f->log_fd, room, 4096, at);
		if (count <= 0) {
			break;
		}
		buf_commit(&text, (size_t)count);
		at += count;
	}
	buf_append_byte(&text, '\0');
	return text;
}

/* ---- clients ---- */

void client_connect(struct http_client *c, struct gateway_fixture *f) {
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(gateway_loop_port(f->gateway)),
		.sin_addr = {htonl(INADDR_LOOPBACK)},
	};
	*c = (struct http_client){.f = f, .fd = socket(AF_INET, SOCK_STREAM, 0)};
	assert_int_equal(connect(c->fd, (struct sockaddr *)(void *)&address, sizeof address), 0);
}

void client_close(struct http_client *c) {
	close(c->fd);
	buf_finish(&c->in);
}

void client_send(struct http_client *c, const char *method, const char *path, const char *headers,
	const char *body) {
	struct buf out = {0};
	bool has_host = headers && strstr(headers, "Host:");
	buf_printf(&out, "%s %s HTTP/1.1\r\n%s%s", method, path,
		has_host ? "" : "Host: 127.0.0.1\r\n", headers ? headers : "");
	if (body) {
		buf_printf(&out, "Content-Length: %zu\r\n", strlen(body));
	}
	buf_append_str(&out, "\r\n");
	buf_append_str(&out, body ? body : "");
	for (size_t sent = 0; sent < out.len;) {
		ssize_t count =
			send(c->fd, out.data + sent, out.len - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		assert_true(count > 0 || errno == EAGAIN);
		sent += count > 0 ? (size_t)count : 0;
		if (count < 0) {
			loop_run_once(c->f->loop, true);
		}
	}
	buf_finish(&out);
}

/* Takes what has come; runs the loop when that is nothing. False at the end of the stream. */
static bool receive(struct http_client *c) {
	for (;;) {
		char *room = buf_reserve(&c->in, 65536);
		ssize_t count = recv(c->fd, room, 65536, MSG_DONTWAIT);
		if (count > 0) {
			buf_commit(&c->in, (size_t)count);
			return true;
		}
		if (count == 0 || errno != EAGAIN) {
			return false;
		}
		loop_run_once(c->f->loop, true);
	}
}

void client_await(struct http_client *c, const char *text) {
	while (slice_find(buf_slice(&c->in), slice_of(text)) == SIZE_MAX) {
		if (!receive(c)) {
			fail_msg("the connection ended before \"%s\": %.*s", text, (int)c->in.len,
				c->in.data);
		}
	}
}

bool client_await_events(struct http_client *c, size_t count) {
	for (;;) {
		size_t seen = 0;
		struct slice rest = buf_slice(&c->in);
		for (size_t at; (at = slice_find(rest, SLICE("data: "))) != SIZE_MAX;) {
			rest = slice_from(rest, at + 6);
			seen++;
		}
		if (seen >= count) {
			return true;
		}
		if (slice_ends_with(buf_slice(&c->in), SLICE("\r\n0\r\n\r\n")) || !receive(c)) {
			return false;
		}
	}
}

/* Joins the chunks; false when the last one is not there yet. *used gets the encoded length. */
static bool join_chunks(struct slice wire, struct buf *body, size_t *used) {
	size_t at = 0;
	buf_reset(body, SIZE_MAX);
	for (;;) {
		struct slice rest = slice_from(wire, at);
		size_t line = slice_find(rest, SLICE("\r\n"));
		if (line == SIZE_MAX) {
			return false;
		}
		char digits[20] = {0};
		memcpy(digits, rest.data, line < 19 ? line : 19);
		size_t size = strtoul(digits, NULL, 16);
		if (rest.len < line + 2 + size + 2) {
			return false;
		}
		buf_append(body, slice_sub(rest, line + 2, size));
		at += line + 2 + size + 2;
		if (size == 0) {
			*used = at;
			return true;
		}
	}
}

void client_answer(struct http_client *c, bool is_head, struct http_answer *answer) {
	*answer = (struct http_answer){0};
	client_await(c, "\r\n\r\n");
	size_t head = slice_find(buf_slice(&c->in), SLICE("\r\n\r\n")) + 4;
	answer->head = mem_dup(c->in.data, head);
	answer->status = atoi(answer->head + 9);
	char *length = answer_header(answer, "content-length");
	char *coding = answer_header(answer, "transfer-encoding");
	size_t used = 0;
	if (coding) {
		while (!join_chunks(slice_from(buf_slice(&c->in), head), &answer->body, &used)) {
			if (!receive(c)) {
				fail_msg("the stream was cut");
			}
		}
	} else if (length && !is_head) {
		used = strtoul(length, NULL, 10);
		while (c->in.len < head + used) {
			if (!receive(c)) {
				fail_msg("the body was cut");
			}
		}
		buf_append(&answer->body, slice_sub(buf_slice(&c->in), head, used));
	}
	buf_append_byte(&answer->body, '\0');
	answer->body.len--;
	buf_consume(&c->in, head + used);
	free(length);
	free(coding);
}

void answer_finish(struct http_answer *answer) {
	free(answer->head);
	buf_finish(&answer->body);
}

void gateway_ask(struct gateway_fixture *f, const char *method, const char *path,
	const char *headers, const char *body, struct http_answer *answer) {
	struct http_client c;
	client_connect(&c, f);
	client_send(&c, method, path, headers, body);
	client_answer(&c, strcmp(method, "HEAD") == 0, answer);
	client_close(&c);
}

char *answer_header(const struct http_answer *answer, const char *name) {
	struct slice rest = slice_of(answer->head), line;
	while (slice_split(&rest, '\n', &line)) {
		size_t colon = slice_find_byte(line, ':');
		if (colon != SIZE_MAX && slice_ieq(slice_sub(line, 0, colon), slice_of(name))) {
			struct slice value = slice_trim(slice_from(line, colon + 1));
			return mem_dup(value.data, value.len);
		}
	}
	return NULL;
}

bool answer_has(const struct http_answer *answer, const char *text) {
	return strstr(answer->body.data, text) != NULL;
}
