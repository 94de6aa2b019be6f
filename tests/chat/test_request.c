/* test_request.c: helpers over requests: losses, texts, data URLs, media types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "chat/request.h"

int test_request(void);

static void test_losses_are_recorded_once(void **state) {
	(void)state; /* IR-5 */
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct chat_losses losses = {.arena = &arena};
	chat_drop(NULL, "X-1", "a", "b");
	chat_drop(&losses, "X-1", "a", "b");
	chat_drop(&losses, "X-1", "a", "b");
	chat_alter(&losses, "X-1", "a", "b");
	assert_int_equal(losses.len, 2);
	assert_true(losses.items[1].is_altered);
	for (int i = 0; i < 3 * CHAT_MAX_LOSSES; i++) { /* bounded, and it says so */
		chat_drop(&losses, "X-2", arena_printf(&arena, "f%d", i).data, "b");
	}
	assert_int_equal(losses.len, CHAT_MAX_LOSSES + 1);
	assert_string_equal(losses.items[CHAT_MAX_LOSSES].field, "(more)");
	arena_finish(&arena);
}

static void test_texts_are_joined(void **state) {
	(void)state;
	struct arena arena;
	struct chat_parts parts = {0};
	arena_init(&arena, NULL, 0);
	assert_true(slice_is(chat_parts_text(&arena, &parts, "\n"), ""));
	chat_parts_push(&arena, &parts, CHAT_PART_TEXT)->text = SLICE("a");
	assert_true(slice_is(chat_parts_text(&arena, &parts, "\n"), "a"));
	chat_parts_push(&arena, &parts, CHAT_PART_TEXT)->text = SLICE("b");
	assert_true(chat_parts_all_text(&parts));
	chat_parts_push(&arena, &parts, CHAT_PART_IMAGE);
	assert_false(chat_parts_all_text(&parts));
	assert_true(slice_is(chat_parts_text(&arena, &parts, "\n"), "a\nb"));
	assert_true(slice_is(chat_parts_text(&arena, &parts, ""), "ab"));
	arena_finish(&arena);
}

static void test_data_urls(void **state) {
	(void)state; /* IR-13, E-59 */
	static const struct {
		const char *url, *type, *data;
	} cases[] = {
		{"data:image/png;base64,AAAA", "image/png", "AAAA"},
		{"DATA:image/png;charset=utf-8;BASE64,AAAA", "image/png", "AAAA"},
		{"data:;base64,QQ==", "text/plain", "QQ=="},
		{"data:text/plain,a%20b", "text/plain", "YSBi"},
		{"https://x.example/data:,", NULL, NULL},
		{"data:image/png;base64", NULL, NULL},
	};
	struct arena arena;
	arena_init(&arena, NULL, 0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct slice type, data;
		bool ok = chat_split_data_url(&arena, slice_of(cases[i].url), &type, &data);
		assert_int_equal(ok, cases[i].type != NULL);
		if (ok) {
			assert_true(slice_is(type, cases[i].type));
			assert_true(slice_is(data, cases[i].data));
		}
	}
	arena_finish(&arena);
}

static void test_media_types_are_sniffed(void **state) {
	(void)state; /* E-60 */
	assert_true(
		slice_is(chat_sniff_media_type(SLICE("iVBORw0KGgoAAAANSUhEUgAA")), "image/png"));
	assert_true(
		slice_is(chat_sniff_media_type(SLICE("/9j/4AAQSkZJRgABAQAAAQAB")), "image/jpeg"));
	assert_true(
		slice_is(chat_sniff_media_type(SLICE("UklGRiQAAABXRUJQVlA4IBgA")), "image/webp"));
	assert_true(
		slice_is(chat_sniff_media_type(SLICE("R0lGODlhAQABAIAAAAAAAP//")), "image/gif"));
	assert_null(chat_sniff_media_type(SLICE("AAAA")).data);
	assert_null(chat_sniff_media_type(SLICE("")).data);
}

static void test_exts(void **state) {
	(void)state; /* IR-1 */
	struct arena arena;
	struct chat_exts exts = {0};
	arena_init(&arena, NULL, 0);
	chat_ext_add(&arena, &exts, FORMAT_ANTHROPIC, SLICE("a"), SLICE("1"));
	chat_ext_add(&arena, &exts, FORMAT_OPENAI_CHAT, SLICE("a"), SLICE("2"));
	chat_ext_add(&arena, &exts, FORMAT_OPENAI_CHAT, SLICE("a"), SLICE("3"));
	assert_true(slice_is(chat_ext_get(&exts, FORMAT_ANTHROPIC, "a"), "1"));
	assert_true(slice_is(chat_ext_get(&exts, FORMAT_OPENAI_CHAT, "a"), "3"));
	assert_null(chat_ext_get(&exts, FORMAT_GEMINI, "a").data);
	arena_finish(&arena);
}

int test_request(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_losses_are_recorded_once),
		cmocka_unit_test(test_texts_are_joined),
		cmocka_unit_test(test_data_urls),
		cmocka_unit_test(test_media_types_are_sniffed),
		cmocka_unit_test(test_exts),
	};
	return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
