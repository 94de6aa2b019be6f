/* test_ollama.c: Ollama as an upstream: its bytes handed on, its paths, models without thinking,
 * the models it says it has; and embeddings of every upstream (7.2, OU-1, OU-3, OL-11). */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mux/mux_help.h"

int test_ollama(void);

static const char ollama[] = "providers:\n  - type: ollama\n    base-url: http://127.0.0.1:PORT\n"
			     "    models: [{name: 'm:latest'}]\n";

#define LINES                                                                                      \
	"{\"model\":\"m:latest\",\"created_at\":\"2026-01-02T03:04:05Z\",  \"message\":{"          \
	"\"role\":\"assistant\",\"content\":\"Hi\"},\"done\":false}\n"                             \
	"{\"model\":\"m:latest\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},"           \
	"\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":3,\"eval_count\":2}\n"
#define CHAT(rest) "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"q\"}]" rest "}"

static void answer_lines(struct mux_fixture *f, const char *lines) {
	char bytes[1024];
	int len = snprintf(bytes, sizeof bytes,
		"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nContent-Length: "
		"%zu\r\n\r\n%s",
		strlen(lines), lines);
	fake_answer(f->fake, NULL, slice_make(bytes, (size_t)len), FAKE_KEEP);
}

static void ask(
	struct mux_client *client, struct mux_fixture *f, enum format_id format, const char *body) {
	*client = (struct mux_client){0};
	recorder_init(&client->recorder);
	mux_client_submit(client, f, format, CHAT_OP_CHAT, body, true);
	mux_client_wait(client, f);
}

/* 7.2: the model's name is all that changes; a tag may be left out. */
static void splice(void **state) {
	struct mux_fixture f;
	struct mux_client client;
	(void)state;
	mux_fixture_begin(&f, ollama);
	answer_lines(&f, LINES);
	ask(&client, &f, FORMAT_OLLAMA, CHAT(",\"options\":{\"num_ctx\":9}"));
	assert_non_null(strstr(fake_head(f.fake, 0), "POST /api/chat HTTP/1.1"));
	assert_true(slice_is(fake_body(f.fake, 0),
		"{\"model\":\"m:latest\",\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],"
		"\"options\":{\"num_ctx\":9}}"));
	assert_true(slice_is(buf_slice(&client.recorder.wire), LINES));
	assert_true(slice_is(buf_slice(&client.recorder.text), "Hi"));
	assert_int_equal(mux_call_report(client.call)->usage.output_total, 2);
	mux_client_finish(&client, &f);

	answer_lines(&f, LINES);
	ask(&client, &f, FORMAT_OLLAMA, "{\"model\":\"m\",\"prompt\":\"p\"}");
	assert_non_null(strstr(fake_head(f.fake, 1), "POST /api/generate HTTP/1.1"));
	assert_true(mux_call_report(client.call)->is_spliced);
	mux_client_finish(&client, &f);
	mux_fixture_end(&f);
}

/* OU-1: of other clients only a completion with a suffix goes to generate. */
static void paths(void **state) {
	static const struct {
		enum format_id format;
		const char *body, *line, *sent;
	} cases[] = {
		{FORMAT_OPENAI_CHAT, CHAT(",\"stream\":true"), "POST /api/chat ",
			"\"stream\":true"},
		{FORMAT_OPENAI_COMPLETIONS, "{\"model\":\"m\",\"prompt\":\"p\",\"stream\":true}",
			"POST /api/chat ", "\"messages\""},
		{FORMAT_OPENAI_COMPLETIONS,
			"{\"model\":\"m\",\"prompt\":\"p\",\"suffix\":\"s\",\"stream\":true}",
			"POST /api/generate ", "\"suffix\":\"s\""},
	};
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin(&f, ollama);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mux_client client;
		answer_lines(&f, LINES);
		ask(&client, &f, cases[i].format, cases[i].body);
		assert_non_null(strstr(fake_head(f.fake, i), cases[i].line));
		assert_non_null(strstr(fake_head(f.fake, i), "application/x-ndjson"));
		assert_true(slice_contains(fake_body(f.fake, i), slice_of(cases[i].sent)));
		assert_int_equal(client.recorder.finishes, 1);
		assert_true(slice_is(buf_slice(&client.recorder.text), "Hi"));
		mux_client_finish(&client, &f);
	}
	mux_fixture_end(&f);
}

/* OU-3: asked once more without think, and built, not spliced. */
static void no_thinking(void **state) {
	static const char refusal[] = "{\"error\":\"\\\"m:latest\\\" does not support thinking\"}";
	struct mux_fixture f;
	struct mux_client client;
	(void)state;
	mux_fixture_begin(&f, ollama);
	fake_json(f.fake, NULL, 400, "", refusal);
	answer_lines(&f, LINES);
	ask(&client, &f, FORMAT_OLLAMA, CHAT(",\"think\":true"));
	assert_int_equal(fake_requests(f.fake), 2);
	assert_true(slice_contains(fake_body(f.fake, 0), SLICE("think")));
	assert_false(slice_contains(fake_body(f.fake, 1), SLICE("think")));
	assert_int_equal(client.recorder.finishes, 1);
	const struct mux_report *report = mux_call_report(client.call);
	assert_false(report->is_spliced);
	assert_int_equal(report->losses->len, 1);
	assert_string_equal(report->losses->items[0].rule, "OU-3");
	mux_client_finish(&client, &f);
	mux_fixture_end(&f);
}

/* ---- embeddings ---- */

static void embed(struct mux_client *client, struct mux_fixture *f, const char *body) {
	static struct embed_request request;
	struct error error;
	*client = (struct mux_client){0};
	recorder_init(&client->recorder);
	arena_init(&client->arena, NULL, 0);
	const struct format_parse parse = {.body = slice_of(body),
		.tree = json_parse(&client->arena, slice_of(body), NULL, NULL),
		.arena = &client->arena};
	assert_true(format_get(FORMAT_OPENAI_CHAT)->embed->parse_request(&parse, &request, &error));
	client->call = mux_embed(f->mux_loop, &request, &client->recorder.sink, NULL);
	client->recorder.call = client->call;
	mux_client_wait(client, f);
}

static void embeddings(void **state) {
	static const struct {
		const char *type, *path, *sent, *answer;
	} cases[] = {
		{"openai", "POST /embeddings ",
			"{\"model\":\"m\",\"input\":[\"a\",\"b\"],\"encoding_format\":\"float\"}",
			"{\"data\":[{\"index\":1,\"embedding\":[3, 4.50]},{\"index\":0,"
			"\"embedding\":\"AACAPwAAAEA=\"}],\"model\":\"up\",\"usage\":{"
			"\"prompt_tokens\":7}}"},
		{"ollama", "POST /api/embed ", "{\"model\":\"m\",\"input\":[\"a\",\"b\"]}",
			"{\"model\":\"up\",\"embeddings\":[[1.0,2.0],[3, 4.50]],"
			"\"prompt_eval_count\":7}"},
		{"gemini", "POST /v1beta/models/m:batchEmbedContents ",
			"{\"requests\":[{\"model\":\"models/m\",\"content\":{\"parts\":[{\"text\":"
			"\"a\"}]}},{\"model\":\"models/"
			"m\",\"content\":{\"parts\":[{\"text\":\"b\"}]"
			"}}]}",
			"{\"embeddings\":[{\"values\":[1.0,2.0]},{\"values\":[3, 4.50]}],"
			"\"usageMetadata\":{\"promptTokenCount\":7}}"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mux_fixture f;
		struct mux_client client;
		char yaml[256];
		snprintf(yaml, sizeof yaml,
			"providers:\n  - type: %s\n    name: up\n    api-keys: [k1, k2]\n    "
			"base-url: http://127.0.0.1:PORT\n    models: [m]\n",
			cases[i].type);
		mux_fixture_begin(&f, yaml);
		/* the machinery of every call: another account after a refused one */
		fake_json(f.fake, NULL, 429, "", "{\"error\":{\"message\":\"slow down\"}}");
		fake_json(f.fake, NULL, 200, "", cases[i].answer);
		embed(&client, &f, "{\"model\":\"m\",\"input\":[\"a\",\"b\"]}");
		assert_int_equal(client.recorder.errors, 0);
		assert_int_equal(fake_requests(f.fake), 2);
		assert_non_null(strstr(fake_head(f.fake, 1), cases[i].path));
		assert_true(slice_is(fake_body(f.fake, 1), cases[i].sent));
		const struct mux_report *report = mux_call_report(client.call);
		assert_int_equal(report->attempts, 2);
		assert_int_equal(report->embedded->vector_count, 2);
		assert_int_equal(report->embedded->usage.input_tokens, 7);
		assert_int_equal(report->usage.input_uncached, 7);
		const struct slice *vectors = report->embedded->vectors;
		assert_true(slice_is(vectors[1], "[3, 4.50]")); /* as written */
		assert_true(slice_is(vectors[0], "[1.0,2.0]") || slice_is(vectors[0], "[1,2]"));
		mux_client_finish(&client, &f);
		mux_fixture_end(&f);
	}
}

static void embedding_errors(void **state) {
	static const struct {
		const char *type, *body, *answer;
		enum error_kind kind;
		const char *words;
	} cases[] = {
		{"claude", "{\"model\":\"m\",\"input\":\"a\"}", NULL, ERROR_INVALID_REQUEST,
			"makes no embeddings"},
		{"gemini", "{\"model\":\"m\",\"input\":[1,2]}", NULL, ERROR_INVALID_REQUEST,
			"send the text"},
		{"ollama", "{\"model\":\"m\",\"input\":[\"a\",\"b\"]}", "{\"embeddings\":[[1]]}",
			ERROR_UPSTREAM_PROTOCOL, "1 vectors for 2"},
		{"openai", "{\"model\":\"m\",\"input\":\"a\"}",
			"{\"data\":[{\"index\":0,\"embedding\":\"x\"}]}", ERROR_UPSTREAM_PROTOCOL,
			"no list of numbers"},
		{"openai", "{\"model\":\"m\",\"input\":\"a\"}", "<html>", ERROR_UPSTREAM_PROTOCOL,
			"not the JSON"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mux_fixture f;
		struct mux_client client;
		char yaml[256];
		snprintf(yaml, sizeof yaml,
			"request-retry: 0\nproviders:\n  - type: %s\n    name: up\n    api-key: k\n"
			"    base-url: http://127.0.0.1:PORT\n    models: [m]\n",
			cases[i].type);
		mux_fixture_begin(&f, yaml);
		if (cases[i].answer != NULL) {
			fake_json(f.fake, NULL, 200, "", cases[i].answer);
		}
		embed(&client, &f, cases[i].body);
		assert_int_equal(client.recorder.errors, 1);
		assert_int_equal(client.recorder.error.kind, cases[i].kind);
		if (strstr(client.recorder.error.message, cases[i].words) == NULL) {
			fail_msg("%s", client.recorder.error.message);
		}
		assert_null(mux_call_report(client.call)->embedded);
		mux_client_finish(&client, &f);
		mux_fixture_end(&f);
	}
}

/* ---- discovery: it blocks, so the host answers from a thread ---- */

static void *answer_once(void *data) {
	static const char tags[] = "{\"models\":[{\"name\":\"a:latest\",\"model\":\"a:latest\"},{"
				   "\"name\":\"b:7b\"}]}";
	int listener = *(int *)data, fd = accept(listener, NULL, NULL);
	char request[2048], answer[512];
	ssize_t got = recv(fd, request, sizeof request - 1, 0);
	request[got > 0 ? got : 0] = '\0';
	bool is_it = strstr(request, "GET /api/tags ") == request;
	int len = snprintf(answer, sizeof answer,
		"HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
		is_it ? "200 OK" : "404 Not Found", strlen(tags), tags);
	send(fd, answer, (size_t)len, MSG_NOSIGNAL);
	close(fd);
	return NULL;
}

static int listen_somewhere(char yaml[256]) {
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)(void *)&address, size), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)(void *)&address, &size), 0);
	snprintf(yaml, 256,
		"providers:\n  - type: ollama\n    base-url: http://127.0.0.1:%d\n"
		"    excluded-models: ['b:*']\n",
		ntohs(address.sin_port));
	return fd;
}

/* The host's own list, less what is excluded; a host that is not there is left out. */
static void discovery(void **state) {
	struct mux_fixture f;
	struct arena arena;
	struct mux_found found;
	struct error error;
	pthread_t thread;
	char yaml[256];
	(void)state;
	int listener = listen_somewhere(yaml);
	arena_init(&arena, NULL, 0);
	mux_fixture_begin(&f, yaml);
	assert_int_equal(pthread_create(&thread, NULL, answer_once, &listener), 0);
	mux_discover(f.config, NULL, "test", 30000, &arena, &found);
	pthread_join(thread, NULL);
	close(listener);
	const struct mux_found_list *list = mux_found_of(&found, SLICE("ollama"));
	assert_non_null(list);
	assert_int_equal(list->count, 2);
	struct mux_options options = {
		.config = f.config, .found = &found, .user_agent = "llm-mux/test"};
	struct mux *mux = mux_create(&options, &error);
	assert_non_null(mux);
	assert_non_null(mux_find_model(mux, SLICE("a")));
	assert_null(mux_find_model(mux, SLICE("b:7b")));
	mux_destroy(mux);

	mux_discover(f.config, NULL, "test", 30000, &arena, &found); /* refused: at once */
	assert_int_equal(found.len, 0);
	mux_fixture_end(&f);
	arena_finish(&arena);
}

int test_ollama(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splice),
		cmocka_unit_test(paths),
		cmocka_unit_test(no_thinking),
		cmocka_unit_test(embeddings),
		cmocka_unit_test(embedding_errors),
		cmocka_unit_test(discovery),
	};
	return cmocka_run_group_tests_name("mux/ollama", tests, NULL, NULL);
}
