/* test_payload.c: the configuration's rules about upstream bodies (gateway.md 2.6), on spliced and
 * on built ones. */
#include "mux/mux_help.h"

int test_payload(void);

static const char yaml[] =
	"providers:\n"
	"  - type: claude\n    name: up\n    api-key: key-one\n"
	"    base-url: http://127.0.0.1:PORT\n    models: [{name: m}, {name: real, alias: nick}]\n"
	"  - type: openai\n    name: chat\n    api-key: key-two\n"
	"    base-url: http://127.0.0.1:PORT/v1\n    models: [{name: M}, {name: c-mini}]\n"
	"payload:\n"
	"  default:\n"
	"    - models: [{name: m, protocol: Anthropic}, {name: nick}]\n"
	"      params: {temperature: 0.25, metadata.user_id: first}\n"
	"    - models: [{name: m}]\n"
	"      params: {metadata.user_id: second, top_k: 1e1}\n"
	"    - models: [{name: \"*\", protocol: openai}]\n"
	"      params: {stop.-1: END, temperature: 1}\n"
	"  override:\n"
	"    - models: [\"c-*\"]\n"
	"      params: {temperature: 0, user: a}\n"
	"    - models: [{name: \"c*ini\", protocol: openai}, {name: real, protocol: claude}]\n"
	"      params: {user: b, messages.0.content: \"x \\\"y\\\"\"}\n"
	"    - models: [{name: \"*\", protocol: gemini}]\n"
	"      params: {wrong: true}\n";

#define CHAT(model, rest)                                                                          \
	"{\"model\":\"" model "\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]" rest "}"

static const struct {
	enum format_id client;
	bool is_spliced;
	const char *body, *expected;
} cases[] = {
	/* spliced: every other byte stays; the first default counts; what is there stays */
	{FORMAT_ANTHROPIC, true, ANTHROPIC_BODY("m", ",  \"top_k\":5.0"),
		ANTHROPIC_BODY("m", ",  \"top_k\":5.0,\"temperature\":0.25,\"metadata\":{"
				    "\"user_id\":\"first\"}")},
	/* the upstream's name is meant, not the client's */
	{FORMAT_ANTHROPIC, true, ANTHROPIC_BODY("nick", ""),
		"{\"model\":\"real\",\"max_tokens\":64,\"messages\":[{\"role\":\"user\","
		"\"content\":"
		"\"x \\\"y\\\"\"}],\"user\":\"b\"}"},
	/* names of models have a case */
	{FORMAT_OPENAI_CHAT, true, CHAT("M", ""),
		CHAT("M", ",\"stop\":[\"END\"],\"temperature\":1")},
	{FORMAT_OPENAI_CHAT, true, CHAT("c-mini", ",\"stop\":[\"a\"],\"temperature\":0.7"),
		"{\"model\":\"c-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"x "
		"\\\"y\\\"\"}],"
		"\"stop\":[\"a\",\"END\"],\"temperature\":0,\"user\":\"b\"}"},
	/* built */
	{FORMAT_OPENAI_CHAT, false, CHAT("m", ",\"max_tokens\":64"),
		"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}],"
		"\"max_tokens\":64,\"temperature\":0.25,\"metadata\":{\"user_id\":\"first\"},"
		"\"top_k\":1e1}"},
};

static void test_bodies(void **state) {
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin(&f, yaml);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mux_client client = {0};
		struct error error;
		recorder_init(&client.recorder);
		fake_json(f.fake, NULL, 400, "", "{\"error\":{\"message\":\"no\"}}");
		mux_client_submit(&client, &f, cases[i].client, CHAT_OP_CHAT, cases[i].body, true);
		mux_client_wait(&client, &f);
		assert_int_equal(mux_call_report(client.call)->is_spliced, cases[i].is_spliced);
		struct slice body = fake_body(f.fake, i);
		const struct json *sent = json_parse(&client.arena, body, NULL, &error);
		const struct json *expected =
			json_parse(&client.arena, slice_of(cases[i].expected), NULL, &error);
		assert_non_null(expected);
		if (sent == NULL || !json_equal(sent, expected) ||
			(cases[i].is_spliced && !slice_is(body, cases[i].expected))) {
			fail_msg("case %zu: %.*s", i, SLICE_FMT(body));
		}
		assert_non_null(strstr(fake_head(f.fake, i),
			cases[i].client == FORMAT_ANTHROPIC || !cases[i].is_spliced ? "key-one"
										    : "key-two"));
		mux_client_finish(&client, &f);
	}
	mux_fixture_end(&f);
}

/* A count is not a request for an answer: its body stays. */
static void test_count(void **state) {
	struct mux_fixture f;
	struct mux_client client = {0};
	(void)state;
	mux_fixture_begin(&f, yaml);
	recorder_init(&client.recorder);
	fake_json(f.fake, NULL, 200, "", "{\"input_tokens\":3}");
	mux_client_submit(
		&client, &f, FORMAT_ANTHROPIC, CHAT_OP_COUNT, ANTHROPIC_BODY("m", ""), false);
	mux_client_wait(&client, &f);
	assert_true(slice_is(fake_body(f.fake, 0), ANTHROPIC_BODY("m", "")));
	mux_client_finish(&client, &f);
	mux_fixture_end(&f);
}

int test_payload(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_count),
	};
	return cmocka_run_group_tests_name("mux/payload", tests, NULL, NULL);
}
