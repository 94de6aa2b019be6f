/* test_suffix.c: what an upstream is asked when the model's name has a thinking suffix
 * (formats.md RE-6): the suffix wins over the body, also where client and upstream speak the same
 * dialect. */
#include "mux/mux_help.h"

int test_suffix(void);

static const char yaml[] = "providers:\n  - type: claude\n    api-key: key-one\n"
			   "    base-url: http://127.0.0.1:PORT\n"
			   "    models: [{name: claude-sonnet-4-5}, {name: claude-opus-4-8}]\n"
			   "  - type: openai\n    name: compat\n    api-key: key-two\n"
			   "    base-url: http://127.0.0.1:PORT/v1\n"
			   "    models: [{name: gpt-5}, {name: qwen3}]\n";

#define CHAT(model, rest)                                                                          \
	"{\"model\":\"" model "\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]" rest "}"

static const struct {
	enum format_id client;
	const char *body;
	const char *path, *value; /* of the upstream's request, as JSON; NULL: not there */
} cases[] = {
	{FORMAT_ANTHROPIC, ANTHROPIC_BODY("claude-sonnet-4-5(2048)", ""), "/thinking",
		"{\"type\":\"enabled\",\"budget_tokens\":2048}"},
	{FORMAT_ANTHROPIC,
		ANTHROPIC_BODY("claude-sonnet-4-5(none)",
			",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}"),
		"/thinking", NULL},
	{FORMAT_ANTHROPIC, ANTHROPIC_BODY("claude-opus-4-8(auto)", ""), "/thinking/type",
		"\"adaptive\""},
	{FORMAT_ANTHROPIC, ANTHROPIC_BODY("claude-opus-4-8(xhigh)", ""), "/output_config/effort",
		"\"xhigh\""},
	{FORMAT_ANTHROPIC,
		ANTHROPIC_BODY("claude-opus-4-8(low)",
			",\"output_config\":{\"effort\":\"max\"},\"metadata\":{\"user_id\":\"u\"}"),
		"/output_config/effort", "\"low\""},
	/* what else the body says goes out all the same */
	{FORMAT_ANTHROPIC,
		ANTHROPIC_BODY("claude-opus-4-8(low)",
			",\"metadata\":{\"user_id\":\"u\"},\"container\":\"c_1\""),
		"/container", "\"c_1\""},
	{FORMAT_ANTHROPIC, ANTHROPIC_BODY("claude-opus-4-8(low)", ""), "/model",
		"\"claude-opus-4-8\""},
	{FORMAT_OPENAI_CHAT, CHAT("gpt-5(minimal)", ",\"reasoning_effort\":\"high\""),
		"/reasoning_effort", "\"minimal\""},
	{FORMAT_OPENAI_CHAT, CHAT("gpt-5(8192)", ""), "/reasoning_effort", "\"medium\""},
	{FORMAT_OPENAI_CHAT, CHAT("qwen3(high)", ",\"thinking\":{\"type\":\"disabled\"}"),
		"/thinking", NULL},
	{FORMAT_OPENAI_CHAT, CHAT("qwen3(high)", ",\"chat_template_kwargs\":{\"a\":1}"),
		"/chat_template_kwargs", "{\"a\":1}"},
	{FORMAT_OPENAI_CHAT, CHAT("claude-sonnet-4-5(4096)", ""), "/thinking/budget_tokens",
		"4096"},
};

static void test_upstream_body(void **state) {
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
		assert_false(mux_call_report(client.call)->is_spliced);
		assert_ptr_not_equal(mux_call_report(client.call)->request, &client.request);
		const struct json *tree =
			json_parse(&client.arena, fake_body(f.fake, i), NULL, &error);
		assert_non_null(tree);
		struct slice value = json_raw(json_at(tree, slice_of(cases[i].path)));
		if (!slice_eq(value, slice_of(cases[i].value))) {
			fail_msg("case %zu: %.*s", i, SLICE_FMT(fake_body(f.fake, i)));
		}
		mux_client_finish(&client, &f);
	}
	mux_fixture_end(&f);
}

int test_suffix(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_upstream_body),
	};
	return cmocka_run_group_tests_name("mux/suffix", tests, NULL, NULL);
}
