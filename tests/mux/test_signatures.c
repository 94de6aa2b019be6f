/* test_signatures.c: proofs of thinking and calls come back although the client's dialect cannot
 * carry them (formats.md LT-2, AN-20, GM-8, OR-5; E-65, E-66, E-69). */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "mux/mux_help.h"
#include "mux/signature_cache.h"

int test_signatures(void);

/* ---- the cache ---- */

static struct signatures of_call(const char *proof) {
	return (struct signatures){.call = slice_of(proof)};
}

static bool has(
	struct signature_cache *cache, const char *key, const char *proof, uint64_t now_ms) {
	struct arena arena;
	struct signatures found;
	arena_init(&arena, NULL, 0);
	bool is_found = signature_cache_get(cache, slice_of(key), &arena, &found, now_ms);
	if (is_found) {
		assert_true(slice_is(found.call, proof));
	}
	arena_finish(&arena);
	return is_found;
}

static void put(
	struct signature_cache *cache, const char *key, const char *proof, uint64_t now_ms) {
	struct signatures signatures = of_call(proof);
	signature_cache_put(cache, FORMAT_GEMINI, slice_of(key), &signatures, now_ms);
}

static void test_cache(void **state) {
	(void)state;
	assert_null(signature_cache_create(0, 1000));
	struct signature_cache *cache = signature_cache_create(1 << 20, 1000);
	assert_false(signature_cache_has(cache, FORMAT_GEMINI));
	assert_false(has(cache, "a", "", 0));
	put(cache, "a", "one", 0);
	assert_true(signature_cache_has(cache, FORMAT_GEMINI));
	assert_false(signature_cache_has(cache, FORMAT_ANTHROPIC));
	assert_true(has(cache, "a", "one", 999));
	put(cache, "a", "two", 500);
	assert_true(has(cache, "a", "two", 1499));
	/* TTL: being asked for does not make it younger */
	assert_false(has(cache, "a", "two", 1500));
	assert_false(signature_cache_has(cache, FORMAT_GEMINI));
	assert_int_equal(signature_cache_bytes(cache), 0);
	signature_cache_destroy(cache);
	signature_cache_destroy(NULL);
}

/* Bounded: the least recently used goes first. */
static void test_bound(void **state) {
	enum {
		MAX = 16 * 1024
	};
	char key[16], proof[1000];
	(void)state;
	memset(proof, 'p', sizeof proof);
	proof[sizeof proof - 1] = '\0';
	struct signature_cache *cache = signature_cache_create(MAX, 1000);
	for (int i = 0; i < 100; i++) {
		snprintf(key, sizeof key, "key-%d", i);
		put(cache, key, proof, 0);
		assert_in_range(signature_cache_bytes(cache), 1, MAX);
		assert_true(has(cache, "key-0", proof, 0)); /* used again and again */
	}
	assert_true(has(cache, "key-99", proof, 0));
	assert_false(has(cache, "key-1", proof, 0));
	/* too large for the cache: not kept, nothing thrown out for it */
	char *large = calloc(1, MAX);
	memset(large, 'l', MAX - 1);
	put(cache, "large", large, 0);
	free(large);
	assert_false(has(cache, "large", "", 0));
	assert_true(has(cache, "key-99", proof, 0));
	signature_cache_destroy(cache);
}

static void *use_cache(void *data) {
	struct signature_cache *cache = data;
	char key[16], proof[64];
	for (int i = 0; i < 2000; i++) {
		snprintf(key, sizeof key, "k%d", i % 37);
		snprintf(proof, sizeof proof, "proof of k%d", i % 37);
		put(cache, key, proof, (uint64_t)i);
		has(cache, key, proof, (uint64_t)i);
	}
	return NULL;
}

static void test_threads(void **state) {
	pthread_t threads[4];
	struct signature_cache *cache = signature_cache_create(4096, 50);
	(void)state;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, use_cache, cache), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
	}
	assert_in_range(signature_cache_bytes(cache), 1, 4096);
	signature_cache_destroy(cache);
}

/* ---- through the mux ---- */

static const char yaml[] = "providers:\n  - type: claude\n    name: up\n    api-key: key-one\n"
			   "    base-url: http://127.0.0.1:PORT\n"
			   "    models: [{name: claude-sonnet-4-5}, {name: claude-opus-4-8}]\n";
static const char yaml_off[] = "signature-cache: {size: 0}\n"
			       "providers:\n  - type: claude\n    name: up\n    api-key: key-one\n"
			       "    base-url: http://127.0.0.1:PORT\n"
			       "    models: [{name: claude-sonnet-4-5}]\n";

#define ANSWER(content)                                                                            \
	"{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\","           \
	"\"content\":[" content "],\"stop_reason\":\"tool_use\",\"stop_sequence\":null,"           \
	"\"usage\":{\"input_tokens\":3,\"output_tokens\":2}}"
#define THINKING(text, proof)                                                                      \
	"{\"type\":\"thinking\",\"thinking\":\"" text "\",\"signature\":\"" proof "\"}"
#define REDACTED "{\"type\":\"redacted_thinking\",\"data\":\"opaque\"}"
#define TEXT "{\"type\":\"text\",\"text\":\"Let me see.\"}"
#define CALL(id) "{\"type\":\"tool_use\",\"id\":\"" id "\",\"name\":\"look\",\"input\":{\"q\":1}}"

#define TOOLS                                                                                      \
	",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"look\",\"parameters\":"       \
	"{\"type\":\"object\"}}}],\"reasoning_effort\":\"high\",\"max_tokens\":40000}"
#define FIRST(model)                                                                               \
	"{\"model\":\"" model "\",\"messages\":[{\"role\":\"user\",\"content\":\"Go\"}]" TOOLS
#define CALLED(id)                                                                                 \
	"{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"look\",\"arguments\":"  \
	"\"{\\\"q\\\":1}\"}}"
#define RESULT(id) ",{\"role\":\"tool\",\"tool_call_id\":\"" id "\",\"content\":\"done\"}"
#define SECOND(model, assistant, results)                                                          \
	"{\"model\":\"" model "\",\"messages\":[{\"role\":\"user\",\"content\":\"Go\"},"           \
	"{\"role\":\"assistant\"," assistant "}" results "]" TOOLS

static void ask(
	struct mux_fixture *f, enum format_id client_format, const char *body, const char *answer) {
	struct mux_client client = {0};
	recorder_init(&client.recorder);
	fake_json(f->fake, NULL, 200, "", answer);
	mux_client_submit(&client, f, client_format, CHAT_OP_CHAT, body, true);
	mux_client_wait(&client, f);
	assert_int_equal(client.recorder.errors, 0);
	mux_client_finish(&client, f);
}

/* The content of the assistant's turn in a request the upstream got, and its thinking field. */
static void check_sent(
	struct mux_fixture *f, size_t number, const char *content, bool is_thinking) {
	struct arena arena;
	struct error error;
	arena_init(&arena, NULL, 0);
	const struct json *tree = json_parse(&arena, fake_body(f->fake, number), NULL, &error);
	assert_non_null(tree);
	const struct json *sent = json_at(tree, SLICE("/messages/1/content"));
	const struct json *wanted = json_parse(&arena, slice_of(content), NULL, &error);
	assert_non_null(wanted);
	if (sent == NULL || !json_equal(sent, wanted)) {
		fail_msg("%.*s", SLICE_FMT(fake_body(f->fake, number)));
	}
	const struct json *thinking = json_at(tree, SLICE("/thinking/type"));
	assert_int_equal(json_string_is(thinking, "enabled"), is_thinking);
	arena_finish(&arena);
}

static const struct {
	const char *name;
	const char *answer; /* content of the first answer */
	const char *second; /* the client's next request */
	const char *sent;   /* content of the assistant's turn in it */
	bool is_thinking;
} cases[] = {
	{"E-65: the call brings its thinking back, before the text of its turn",
		THINKING("Hmm.", "proof-1") "," REDACTED "," TEXT "," CALL("toolu_1"),
		SECOND("claude-sonnet-4-5",
			"\"content\":\"Let me see.\",\"tool_calls\":[" CALLED("toolu_1") "]",
			RESULT("toolu_1")),
		"[" THINKING("Hmm.", "proof-1") "," REDACTED "," TEXT "," CALL("toolu_1") "]",
		true},
	{"a text that comes back without its proof gets it again, once",
		THINKING("Hmm.", "proof-1") "," CALL("toolu_1"),
		SECOND("claude-sonnet-4-5",
			"\"content\":null,\"reasoning_content\":\"Hmm.\",\"tool_calls\":[" CALLED(
				"toolu_1") "]",
			RESULT("toolu_1")),
		"[" THINKING("Hmm.", "proof-1") "," CALL("toolu_1") "]", true},
	{"a text that was changed gives way to what the call brings back",
		THINKING("Hmm.", "proof-1") "," CALL("toolu_1"),
		SECOND("claude-sonnet-4-5",
			"\"content\":null,\"reasoning_content\":\"Hm\",\"tool_calls\":[" CALLED(
				"toolu_1") "]",
			RESULT("toolu_1")),
		"[" THINKING("Hmm.", "proof-1") "," CALL("toolu_1") "]", true},
	{"thinking between calls stays between them",
		THINKING("A", "proof-a") "," CALL("toolu_1") "," THINKING("B", "proof-b") "," CALL(
			"toolu_2"),
		SECOND("claude-sonnet-4-5",
			"\"content\":null,\"tool_calls\":[" CALLED("toolu_1") "," CALLED(
				"toolu_2") "]",
			RESULT("toolu_1") RESULT("toolu_2")),
		"[" THINKING("A", "proof-a") "," CALL("toolu_1") "," THINKING(
			"B", "proof-b") "," CALL("toolu_2") "]",
		true},
	{"a call nobody made is a miss: thinking off, no error (AN-20)",
		THINKING("Hmm.", "proof-1") "," CALL("toolu_1"),
		SECOND("claude-sonnet-4-5",
			"\"content\":null,\"tool_calls\":[" CALLED("toolu_9") "]",
			RESULT("toolu_9")),
		"[" CALL("toolu_9") "]", false},
	{"another family cannot read the proof", THINKING("Hmm.", "proof-1") "," CALL("toolu_1"),
		SECOND("claude-opus-4-8", "\"content\":null,\"tool_calls\":[" CALLED("toolu_1") "]",
			RESULT("toolu_1")),
		"[" CALL("toolu_1") "]", false},
};

static void test_restored(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mux_fixture f;
		struct buf answer;
		print_message("%s\n", cases[i].name);
		buf_init(&answer, 0);
		buf_printf(&answer, ANSWER("%s"), cases[i].answer);
		buf_append_byte(&answer, '\0');
		mux_fixture_begin(&f, yaml);
		ask(&f, FORMAT_OPENAI_CHAT, FIRST("claude-sonnet-4-5"), answer.data);
		ask(&f, FORMAT_OPENAI_CHAT, cases[i].second, ANSWER(TEXT));
		check_sent(&f, 1, cases[i].sent, cases[i].is_thinking);
		mux_fixture_end(&f);
		buf_finish(&answer);
	}
}

/* A client that speaks the upstream's dialect carries its proofs itself: nothing is kept. */
static void test_not_kept(void **state) {
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin(&f, yaml);
	ask(&f, FORMAT_ANTHROPIC, ANTHROPIC_BODY("claude-sonnet-4-5", ""),
		ANSWER(THINKING("Hmm.", "proof-1") "," CALL("toolu_1")));
	assert_int_equal(signature_cache_bytes(f.mux->signatures), 0);
	mux_fixture_end(&f);

	mux_fixture_begin(&f, yaml_off);
	assert_null(f.mux->signatures);
	ask(&f, FORMAT_OPENAI_CHAT, FIRST("claude-sonnet-4-5"),
		ANSWER(THINKING("Hmm.", "proof-1") "," CALL("toolu_1")));
	ask(&f, FORMAT_OPENAI_CHAT,
		SECOND("claude-sonnet-4-5",
			"\"content\":null,\"tool_calls\":[" CALLED("toolu_1") "]",
			RESULT("toolu_1")),
		ANSWER(TEXT));
	check_sent(&f, 1, "[" CALL("toolu_1") "]", false);
	mux_fixture_end(&f);
}

/* AN-21: a proof of ours that the upstream refuses is left out of the one repeated request. */
static void test_refused(void **state) {
	static const char refusal[] =
		"{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":"
		"\"messages.1.content.0: Invalid `signature` in `thinking` block\"}}";
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin(&f, yaml);
	ask(&f, FORMAT_OPENAI_CHAT, FIRST("claude-sonnet-4-5"),
		ANSWER(THINKING("Hmm.", "proof-1") "," CALL("toolu_1")));
	fake_json(f.fake, NULL, 400, "", refusal);
	ask(&f, FORMAT_OPENAI_CHAT,
		SECOND("claude-sonnet-4-5",
			"\"content\":null,\"tool_calls\":[" CALLED("toolu_1") "]",
			RESULT("toolu_1")),
		ANSWER(TEXT));
	check_sent(&f, 1, "[" THINKING("Hmm.", "proof-1") "," CALL("toolu_1") "]", true);
	check_sent(&f, 2, "[" CALL("toolu_1") "]", false);
	mux_fixture_end(&f);
}

/* ---- E-66, E-69: proofs on calls, as Gemini gives them ---- */

static void test_call_proofs(void **state) {
	struct signature_cache *cache = signature_cache_create(1 << 20, 1000);
	const struct model_family *family = model_family_of(SLICE("gemini-3-pro"));
	struct arena arena;
	(void)state;
	arena_init(&arena, NULL, 0);
	struct signature_watch watch = {
		.cache = cache, .upstream = FORMAT_GEMINI, .family = family, .arena = &arena};
	const struct chat_event calls[] = {
		{.type = CHAT_EVENT_TOOL_START,
			.tool = {.id = SLICE("c1"),
				.name = SLICE("f"),
				.signature = SLICE("proof")}},
		{.type = CHAT_EVENT_TOOL_START,
			.part = 1,
			.tool = {.id = SLICE("c2"), .name = SLICE("f"), .index = 1}},
	};
	for (size_t i = 0; i < 2; i++) {
		signatures_watch(&watch, &calls[i], 0);
	}
	struct chat_request request = {.arena = &arena, .client_format = FORMAT_OPENAI_CHAT};
	struct chat_message *message = chat_request_push(&request, CHAT_ROLE_ASSISTANT);
	for (size_t i = 0; i < 2; i++) {
		struct chat_part *call =
			chat_parts_push(&arena, &message->parts, CHAT_PART_TOOL_CALL);
		call->call_id = calls[i].tool.id;
		call->name = calls[i].tool.name;
	}
	const struct chat_request *restored =
		signatures_restore(cache, &request, FORMAT_GEMINI, family, 10);
	assert_ptr_not_equal(restored, &request);
	const struct chat_parts *parts = &restored->messages.items[0].parts;
	assert_true(slice_is(parts->items[0].signature, "proof"));
	assert_int_equal(parts->items[0].provider, FORMAT_GEMINI);
	assert_null(parts->items[1].signature.data);
	/* IR-6: the request itself stays as it was parsed */
	assert_null(request.messages.items[0].parts.items[0].signature.data);
	/* not for another dialect, and not too late */
	assert_ptr_equal(
		signatures_restore(cache, &request, FORMAT_ANTHROPIC, family, 10), &request);
	assert_ptr_equal(
		signatures_restore(cache, &request, FORMAT_GEMINI, family, 1000), &request);
	arena_finish(&arena);
	signature_cache_destroy(cache);
}

int test_signatures(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cache),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_restored),
		cmocka_unit_test(test_not_kept),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_call_proofs),
	};
	return cmocka_run_group_tests_name("mux/signatures", tests, NULL, NULL);
}
