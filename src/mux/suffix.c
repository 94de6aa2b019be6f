/* suffix.c: what the end of a model's name says about thinking: "model(high)", "model(8192)"
 * (formats.md RE-6, gateway.md 4.5). */
#include "mux/mux_internal.h"

bool suffix_split(struct slice name, struct slice *model, struct slice *value) {
	if (!slice_ends_with(name, SLICE(")"))) {
		return false;
	}
	size_t at = name.len;
	while (at > 0 && name.data[at - 1] != '(') {
		at--;
	}
	if (at < 2) {
		return false;
	}
	*model = slice_trim(slice_sub(name, 0, at - 1));
	*value = slice_trim(slice_sub(name, at, name.len - at - 1));
	return model->len > 0;
}

bool suffix_read(struct slice value, struct chat_reasoning *reasoning) {
	static const struct {
		struct slice word;
		enum chat_reasoning_mode mode;
		bool is_effort;
	} words[] = {
		{SLICE_INIT("none"), CHAT_REASONING_OFF, false},
		{SLICE_INIT("0"), CHAT_REASONING_OFF, false},
		{SLICE_INIT("auto"), CHAT_REASONING_ADAPTIVE, false},
		{SLICE_INIT("-1"), CHAT_REASONING_ADAPTIVE, false},
		{SLICE_INIT("minimal"), CHAT_REASONING_ON, true},
		{SLICE_INIT("low"), CHAT_REASONING_ON, true},
		{SLICE_INIT("medium"), CHAT_REASONING_ON, true},
		{SLICE_INIT("high"), CHAT_REASONING_ON, true},
		{SLICE_INIT("xhigh"), CHAT_REASONING_ON, true},
		{SLICE_INIT("max"), CHAT_REASONING_ON, true},
	};
	*reasoning = (struct chat_reasoning){0};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (slice_ieq(value, words[i].word)) {
			reasoning->mode = words[i].mode;
			reasoning->effort = words[i].is_effort ? words[i].word : (struct slice){0};
			return true;
		}
	}
	reasoning->mode = CHAT_REASONING_ON;
	reasoning->has_budget = true;
	return slice_to_int64(value, &reasoning->budget_tokens) && reasoning->budget_tokens > 0;
}
