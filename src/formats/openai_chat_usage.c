/* openai_chat_usage.c: token counts in the cc dialect's many spellings (4.4, OC-25, OC-30, OC-31).
 */
#include "formats/openai_chat_usage.h"

#include "formats/openai_chat_internal.h"

/* A count, or -1 when it is absent or no sensible number. */
static int64_t count(const struct json *object, const char *name) {
	int64_t value;
	return json_int64(json_get(object, name), &value) && value >= 0 && value < INT64_MAX / 8
		       ? value
		       : -1;
}

static int64_t first_known(int64_t a, int64_t b, int64_t c) {
	return a >= 0 ? a : b >= 0 ? b : c;
}

static int64_t known(int64_t value) {
	return value >= 0 ? value : 0;
}

void openai_chat_read_usage(const struct json *object, struct chat_usage *usage) {
	chat_usage_init(usage);
	const struct json *in = json_get(object, "prompt_tokens_details");
	const struct json *out = json_get(object, "completion_tokens_details");
	int64_t prompt = count(object, "prompt_tokens");
	int64_t total = count(object, "total_tokens");
	usage->native = json_raw(object);
	usage->cache_read = first_known(count(in, "cached_tokens"),
		count(object, "prompt_cache_hit_tokens"), count(object, "cached_tokens"));
	usage->cache_write = count(in, "cache_write_tokens");
	usage->input_uncached = count(object, "prompt_cache_miss_tokens");
	if (prompt >= 0) {
		int64_t rest = prompt - known(usage->cache_read) - known(usage->cache_write);
		usage->input_uncached = rest > 0 ? rest : 0; /* US-1 */
	}
	usage->output_total = count(object, "completion_tokens");
	usage->reasoning =
		first_known(count(out, "reasoning_tokens"), count(object, "reasoning_tokens"), -1);
	/* OC-30: hosts that do not count reasoning in completion_tokens give themselves away */
	if (usage->reasoning > 0 && prompt >= 0 && usage->output_total >= 0 &&
		total == prompt + usage->output_total + usage->reasoning) {
		usage->output_total += usage->reasoning;
	}
	usage->audio_in = count(in, "audio_tokens");
	usage->audio_out = count(out, "audio_tokens");
	usage->accepted_prediction = count(out, "accepted_prediction_tokens");
	usage->rejected_prediction = count(out, "rejected_prediction_tokens");
}

static void put_known(struct json_writer *w, const char *key, int64_t value) {
	if (value >= 0) {
		json_put_int(w, key, value);
	}
}

void openai_chat_write_usage(struct json_writer *w, const struct chat_usage *usage) {
	int64_t in = known(chat_usage_input_total(usage)), out = known(usage->output_total);
	json_begin_object(w);
	json_put_int(w, "prompt_tokens", in);
	json_put_int(w, "completion_tokens", out);
	json_put_int(w, "total_tokens", in > INT64_MAX - out ? INT64_MAX : in + out);
	json_write_key(w, "prompt_tokens_details");
	json_begin_object(w);
	json_put_int(w, "cached_tokens", known(usage->cache_read));
	put_known(w, "cache_write_tokens", usage->cache_write);
	put_known(w, "audio_tokens", usage->audio_in);
	json_end_object(w);
	json_write_key(w, "completion_tokens_details");
	json_begin_object(w);
	json_put_int(w, "reasoning_tokens", known(usage->reasoning));
	put_known(w, "audio_tokens", usage->audio_out);
	put_known(w, "accepted_prediction_tokens", usage->accepted_prediction);
	put_known(w, "rejected_prediction_tokens", usage->rejected_prediction);
	json_end_object(w);
	json_end_object(w);
}

void openai_chat_estimate_usage(struct chat_usage *usage,
	const struct format_encoder_options *options, size_t output_bytes) {
	usage->input_uncached = options->request != NULL ? format_count_tokens(&options->counter,
								   options->request, NULL)
							 : 0;
	usage->output_total = (int64_t)(output_bytes / 4) + (output_bytes > 0 ? 1 : 0);
	usage->is_estimated = true;
}
