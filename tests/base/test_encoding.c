/* test_encoding.c: base64, hex, percent encoding, UTF-8, digests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/encoding.h"

int test_encoding(void);

/* RFC 4648 section 10 */
static void base64_vectors(void **state) {
	static const struct {
		const char *plain, *standard, *url;
	} cases[] = {
		{"", "", ""},
		{"f", "Zg==", "Zg"},
		{"fo", "Zm8=", "Zm8"},
		{"foo", "Zm9v", "Zm9v"},
		{"foob", "Zm9vYg==", "Zm9vYg"},
		{"fooba", "Zm9vYmE=", "Zm9vYmE"},
		{"foobar", "Zm9vYmFy", "Zm9vYmFy"},
		{"\xfb\xff\xfe", "+//+", "-__-"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf out = {0};
		assert_true(base64_encode(slice_of(cases[i].plain), false, &out));
		assert_true(slice_is(buf_slice(&out), cases[i].standard));
		buf_reset(&out, 1000);
		assert_true(base64_encode(slice_of(cases[i].plain), true, &out));
		assert_true(slice_is(buf_slice(&out), cases[i].url));
		const char *const both[] = {cases[i].standard, cases[i].url};
		for (int j = 0; j < 2; j++) {
			buf_reset(&out, 1000);
			assert_true(base64_decode(slice_of(both[j]), &out));
			assert_true(slice_is(buf_slice(&out), cases[i].plain));
			assert_int_equal(
				base64_decoded_len(slice_of(both[j])), strlen(cases[i].plain));
		}
		buf_finish(&out);
	}
}

static void base64_round_trips(void **state) {
	char bytes[200];
	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++) {
		bytes[i] = (char)(i * 37 + 11);
	}
	for (size_t len = 0; len <= sizeof bytes; len++) {
		for (int url = 0; url < 2; url++) {
			struct buf text = {0}, back = {0};
			assert_true(base64_encode(slice_make(bytes, len), url != 0, &text));
			assert_int_equal(base64_decoded_len(buf_slice(&text)), len);
			assert_true(base64_decode(buf_slice(&text), &back));
			assert_int_equal(back.len, len);
			if (len > 0) {
				assert_memory_equal(back.data, bytes, len);
			}
			buf_finish(&text);
			buf_finish(&back);
		}
	}
}

static void base64_leniency(void **state) {
	static const struct {
		const char *text, *plain; /* NULL: refused */
	} cases[] = {
		{" Zm 9v\r\nYg =\t= ", "foob"},
		{"Zm9vYg", "foob"},
		{"\n", ""},
		{"Z", NULL},
		{"Zm9vY", NULL},
		{"Zg=", NULL},
		{"Zg===", NULL},
		{"=", NULL},
		{"Zm9v=", NULL},
		{"Zg==Zg==", NULL},
		{"Zm*v", NULL},
		{"Zm\x80v", NULL},
		{"Zm9v.", NULL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf out = {0};
		buf_append_str(&out, "kept:");
		bool is_good = base64_decode(slice_of(cases[i].text), &out);
		assert_int_equal(is_good, cases[i].plain != NULL);
		assert_true(slice_is(
			slice_from(buf_slice(&out), 5), cases[i].plain ? cases[i].plain : ""));
		buf_finish(&out);
	}
	struct buf small;
	buf_init(&small, 3);
	assert_false(base64_encode(SLICE("abc"), false, &small));
	buf_finish(&small);
	assert_false(base64_decode(SLICE("Zm9vYg"), &small));
	buf_finish(&small);
}

static void hexadecimal(void **state) {
	const uint8_t bytes[] = {0x00, 0x7f, 0x80, 0xff, 0xa5};
	char text[11];
	uint8_t back[5];
	size_t len = 0;
	(void)state;
	hex_encode(bytes, sizeof bytes, text);
	assert_string_equal(text, "007f80ffa5");
	assert_true(hex_decode(SLICE("007F80fFa5"), back, &len));
	assert_int_equal(len, 5);
	assert_memory_equal(back, bytes, 5);
	assert_true(hex_decode(SLICE(""), back, &len));
	assert_int_equal(len, 0);
	assert_false(hex_decode(SLICE("0"), back, &len));
	assert_false(hex_decode(SLICE("0g"), back, &len));
	assert_false(hex_decode(SLICE("@0"), back, &len));
	assert_false(hex_decode(SLICE("0`"), back, &len));
}

static void words_of_a_shell(void **state) {
	(void)state;
	static const char *const cases[][2] = {{"", "''"}, {"a b", "'a b'"},
		{"$x`y`\"\\", "'$x`y`\"\\'"}, {"it's", "'it'\\''s'"}, {"''", "''\\'''\\'''"}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf out = {0};
		assert_true(shell_quote_word(slice_of(cases[i][0]), &out));
		assert_true(slice_is(buf_slice(&out), cases[i][1]));
		buf_finish(&out);
	}
}

static void percent_encoding(void **state) {
	struct buf out = {0};
	(void)state;
	assert_true(percent_decode(SLICE("a%20b%2Fc+d%c3%a9"), false, &out));
	assert_true(slice_is(buf_slice(&out), "a b/c+d\xc3\xa9"));
	buf_reset(&out, 1000);
	assert_true(percent_decode(SLICE("a+b%2B"), true, &out));
	assert_true(slice_is(buf_slice(&out), "a b+"));
	buf_reset(&out, 1000);
	static const char *const broken[] = {"%", "%2", "a%", "%zz", "%2g", "%%20"};
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		assert_false(percent_decode(slice_of(broken[i]), false, &out));
		assert_int_equal(out.len, 0);
	}
	assert_true(percent_encode(SLICE("aZ09-._~ /?&=\xc3\xa9"), &out));
	assert_true(slice_is(buf_slice(&out), "aZ09-._~%20%2F%3F%26%3D%C3%A9"));
	buf_finish(&out);
}

static void utf8_bad_sequences(void **state) {
	static const struct {
		const char *text;
		size_t bad_at;
	} cases[] = {
		{"\x80", 0},
		{"a\xbf", 1},
		{"\xc0\x80", 0},
		{"\xc1\xbf", 0},
		{"\xc2", 0},
		{"\xc2\x41", 0},
		{"\xc3\xc3", 0},
		{"\xe0\x9f\xbf", 0},
		{"\xe2\x82", 0},
		{"\xe2\x28\xa1", 0},
		{"\xe2\x82\x28", 0},
		{"\xed\xa0\x80", 0}, /* surrogate */
		{"\xed\xbf\xbf", 0},
		{"\xf0\x8f\xbf\xbf", 0},
		{"\xf0\x9f\x98", 0},
		{"\xf4\x90\x80\x80", 0}, /* above U+10FFFF */
		{"\xf5\x80\x80\x80", 0},
		{"\xfe", 0},
		{"\xff", 0},
		{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xff", 9},
	};
	(void)state;
	/* Each at many places, so that the block-wise part meets them too. */
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (size_t before = 0; before < 40; before++) {
			char text[64];
			size_t len = strlen(cases[i].text), bad_at = 99;
			memset(text, 'x', sizeof text);
			memcpy(text + before, cases[i].text, len);
			char *exact = malloc(before + len);
			memcpy(exact, text, before + len);
			assert_false(utf8_valid(slice_make(exact, before + len), &bad_at));
			assert_int_equal(bad_at, before + cases[i].bad_at);
			free(exact);
			assert_false(utf8_valid(slice_make(text, sizeof text), NULL));
		}
	}
	assert_true(utf8_valid(slice_make(NULL, 0), NULL));
	assert_true(utf8_valid(slice_make("\0", 1), NULL));
}

static void utf8_every_code_point(void **state) {
	(void)state;
	for (uint32_t point = 0; point <= 0x10FFFF; point++) {
		char text[4];
		size_t len = utf8_encode(point, text);
		bool is_surrogate = point >= 0xD800 && point <= 0xDFFF;
		size_t expected = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
		assert_int_equal(len, expected);
		assert_true(utf8_valid(slice_make(text, len), NULL));
		assert_int_equal(utf8_length(slice_make(text, len)), 1);
		if (is_surrogate) {
			assert_memory_equal(text, "\xef\xbf\xbd", 3);
		}
		for (size_t cut = 1; cut < len; cut++) {
			assert_int_equal(utf8_whole_prefix(slice_make(text, cut)), 0);
		}
		assert_int_equal(utf8_whole_prefix(slice_make(text, len)), len);
	}
	char text[4];
	assert_int_equal(utf8_encode(0x110000, text), 3);
	assert_memory_equal(text, "\xef\xbf\xbd", 3);
}

/* EV-4 */
static void utf8_prefixes(void **state) {
	static const struct {
		const char *text;
		size_t whole;
	} cases[] = {
		{"", 0},
		{"abc", 3},
		{"ab\xc3", 2},
		{"ab\xc3\xa9", 4},
		{"\xe2\x82", 0},
		{"x\xf0\x9f\x98", 1},
		{"x\xf0\x9f\x98\x80", 5},
		{"x\xf0\x9f\x98\x80y", 6},
		{"\x80\x80\x80\x80", 4}, /* broken anyway: not held back */
		{"a\xff", 2},
		{"a\xc1", 2},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(utf8_whole_prefix(slice_of(cases[i].text)), cases[i].whole);
	}
	assert_int_equal(utf8_length(SLICE("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")), 4);
}

static void check_digest(const uint8_t digest[SHA256_LEN], const char *expected) {
	char text[2 * SHA256_LEN + 1];
	hex_encode(digest, SHA256_LEN, text);
	assert_string_equal(text, expected);
}

/* FIPS 180-4 examples; RFC 4231 cases 1 to 4, 6 and 7 */
static void digests(void **state) {
	uint8_t digest[SHA256_LEN];
	char key[131];
	(void)state;
	sha256((struct slice){NULL, 0}, digest);
	check_digest(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256(SLICE("abc"), digest);
	check_digest(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256(SLICE("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), digest);
	check_digest(digest, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	memset(key, 0x0b, 20);
	hmac_sha256(slice_make(key, 20), SLICE("Hi There"), digest);
	check_digest(digest, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	hmac_sha256(SLICE("Jefe"), SLICE("what do ya want for nothing?"), digest);
	check_digest(digest, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof key);
	char data[50];
	memset(data, 0xdd, sizeof data);
	hmac_sha256(slice_make(key, 20), slice_make(data, 50), digest);
	check_digest(digest, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
	hmac_sha256(slice_make(key, 131),
		SLICE("Test Using Larger Than Block-Size Key - Hash Key First"), digest);
	check_digest(digest, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	hmac_sha256((struct slice){NULL, 0}, (struct slice){NULL, 0}, digest);
	check_digest(digest, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void constant_time_equality(void **state) {
	(void)state;
	assert_true(constant_time_eq(SLICE("secret"), SLICE("secret")));
	assert_false(constant_time_eq(SLICE("secret"), SLICE("secreT")));
	assert_false(constant_time_eq(SLICE("secret"), SLICE("secre")));
	assert_true(constant_time_eq((struct slice){NULL, 0}, SLICE("")));
}

int test_encoding(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_vectors),
		cmocka_unit_test(base64_round_trips),
		cmocka_unit_test(base64_leniency),
		cmocka_unit_test(hexadecimal),
		cmocka_unit_test(words_of_a_shell),
		cmocka_unit_test(percent_encoding),
		cmocka_unit_test(utf8_bad_sequences),
		cmocka_unit_test(utf8_every_code_point),
		cmocka_unit_test(utf8_prefixes),
		cmocka_unit_test(digests),
		cmocka_unit_test(constant_time_equality),
	};
	return cmocka_run_group_tests_name("encoding", tests, NULL, NULL);
}
