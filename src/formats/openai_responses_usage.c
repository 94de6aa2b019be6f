/* openai_responses_usage.c: token counts of this dialect (4.4, RS-12, OR-36). */
#include "formats/openai_responses_usage.h"

/* A count, or -1 when it is absent or no sensible number. */
static int64_t count(const struct json *object, const char *name) {
	int64_t value;
	bool is_sane =
		json_int64(json_get(object, name), &value) && value >= 0 && value < INT64_MAX / 8;
	return is_sane ? value : -1;
}

static int64_t known(int64_t value) {
	return value >= 0 ? value : 0;
}

void openai_responses_read_usage(const struct json *object, struct chat_usage *usage) {
	const struct json *in = json_get(object, "input_tokens_details");
	const struct json *out = json_get(object, "output_tokens_details");
	int64_t input = count(object, "input_tokens");
	chat_usage_init(usage);
	usage->native = json_raw(object);
	usage->cache_read = count(in, "cached_tokens");
	usage->cache_write = count(in, "cache_write_tokens");
	if (input >= 0) { /* US-1 */
		int64_t rest = input - known(usage->cache_read) - known(usage->cache_write);
		usage->input_uncached = rest > 0 ? rest : 0;
	}
	usage->output_total = count(object, "output_tokens");
	usage->reasoning = count(out, "reasoning_tokens");
}

void openai_responses_write_usage(struct json_writer *w, const struct chat_usage *usage) {
	int64_t in = known(chat_usage_input_total(usage)), out = known(usage->output_total);
	json_begin_object(w);
	json_put_int(w, "input_tokens", in);
	json_write_key(w, "input_tokens_details");
	json_begin_object(w);
	json_put_int(w, "cached_tokens", known(usage->cache_read));
	json_put_int(w, "cache_write_tokens", known(usage->cache_write));
	json_end_object(w);
	json_put_int(w, "output_tokens", out);
	json_write_key(w, "output_tokens_details");
	json_begin_object(w);
	json_put_int(w, "reasoning_tokens", known(usage->reasoning));
	json_end_object(w);
	json_put_int(w, "total_tokens", in > INT64_MAX - out ? INT64_MAX : in + out);
	json_end_object(w);
}
