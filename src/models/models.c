/* models.c: lookup in the table of families, and the scale between effort words and token budgets.
 */
#include "models/models.h"

static const struct model_family families[] = {
#define FAMILY(pattern_, vendor_, traits_, capabilities_, context_, output_, ...)                  \
	{.pattern = (pattern_),                                                                    \
		.vendor = (vendor_),                                                               \
		.traits = (traits_),                                                               \
		.capabilities = (capabilities_),                                                   \
		.context_tokens = (context_),                                                      \
		.max_output_tokens = (output_),                                                    \
		__VA_ARGS__},
#include "models/families.def"
#undef FAMILY
};

static const struct model_family unknown_family = {.pattern = "*", .vendor = ""};

const struct model_family *model_family_of(struct slice model) {
	for (size_t at; (at = slice_find_byte(model, '/')) != SIZE_MAX;) {
		model = slice_from(model, at + 1);
	}
	for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
		if (slice_glob(slice_of(families[i].pattern), model, true)) {
			return &families[i];
		}
	}
	return &unknown_family;
}

/* The default table of 4.5, from little to much. `instead`: for a family without the word. */
static const struct {
	const char *effort;
	int64_t budget;     /* of that effort */
	int64_t budget_max; /* the largest budget that counts as it */
	uint32_t needs;     /* trait a family must have to know the word; 0 = every one */
	const char *instead;
} scale[] = {
	{"none", 0, 0, MODEL_HAS_NONE_EFFORT, "low"},
	{"minimal", 512, 512, MODEL_HAS_MINIMAL_EFFORT, "low"},
	{"low", 1024, 1024, 0, NULL},
	{"medium", 8192, 8192, 0, NULL},
	{"high", 24576, 24576, 0, NULL},
	{"xhigh", 32768, INT64_MAX, MODEL_HAS_XHIGH, "high"},
	{"max", 128000, INT64_MAX, MODEL_HAS_MAX_EFFORT, "high"},
};
#define SCALE_LEN (sizeof scale / sizeof *scale)

bool model_effort_to_budget(struct slice effort, int64_t *budget_tokens) {
	if (slice_is(effort, "auto") || slice_is(effort, "adaptive")) {
		*budget_tokens = -1;
		return true;
	}
	for (size_t i = 0; i < SCALE_LEN; i++) {
		if (slice_is(effort, scale[i].effort)) {
			*budget_tokens = scale[i].budget;
			return true;
		}
	}
	return false;
}

const char *model_budget_to_effort(int64_t budget_tokens) {
	size_t i = 0;
	while (budget_tokens > scale[i].budget_max) {
		i++;
	}
	return scale[i].effort;
}

const char *model_clamp_effort(const struct model_family *family, struct slice effort) {
	for (size_t i = 0; i < SCALE_LEN; i++) {
		if (!slice_is(effort, scale[i].effort)) {
			continue;
		}
		if (scale[i].needs == 0 || (family->traits & scale[i].needs) != 0) {
			return scale[i].effort;
		}
		/* gpt-5 has no "none", its least is "minimal"; models with xhigh but no max take
		 * that. */
		if (slice_is(effort, "none") && model_has(family, MODEL_HAS_MINIMAL_EFFORT)) {
			return "minimal";
		}
		if (slice_is(effort, "max") && model_has(family, MODEL_HAS_XHIGH)) {
			return "xhigh";
		}
		return scale[i].instead;
	}
	return NULL;
}
