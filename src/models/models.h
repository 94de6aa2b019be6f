/* models.h: what is known of model families: limits, and which parameters they refuse. Data in
 * families.def. */
#ifndef LLMMUX_MODELS_MODELS_H
#define LLMMUX_MODELS_MODELS_H

#include "base/slice.h"

/* Facts about a family (formats.md 3.1, 3.2, 4.5). Names in families.def. */
enum model_trait {
	MODEL_REFUSES_SAMPLING = 1 << 0,    /* temperature, top_p, top_k are a 400 */
	MODEL_REFUSES_BUDGET = 1 << 1,      /* thinking budgets are a 400: adaptive only */
	MODEL_REFUSES_DISABLED = 1 << 2,    /* thinking {disabled} is a 400 */
	MODEL_REFUSES_FORCED_TOOL = 1 << 3, /* tool_choice any/tool is a 400 */
	MODEL_HAS_THINKING = 1 << 4,
	MODEL_HAS_ADAPTIVE = 1 << 5, /* thinking {adaptive} */
	MODEL_HAS_STRUCTURED_OUTPUT = 1 << 6,
	MODEL_REFUSES_PREFILL = 1 << 7,
	MODEL_HAS_SYSTEM_ROLE = 1 << 8,  /* takes role system inside messages */
	MODEL_IS_REASONING = 1 << 9,     /* OpenAI o-series, gpt-5 and later */
	MODEL_WANTS_DEVELOPER = 1 << 10, /* role developer instead of system at the vendor */
	MODEL_ONE_OF_TEMPERATURE_TOP_P = 1 << 11,
	MODEL_HAS_XHIGH = 1 << 12,
	MODEL_HAS_MAX_EFFORT = 1 << 13,
	MODEL_REFUSES_STOP = 1 << 14,
	MODEL_HAS_NONE_EFFORT = 1 << 15,
	MODEL_HAS_MINIMAL_EFFORT = 1 << 16,
	MODEL_HAS_BETWEEN_TOOLS = 1 << 17,
	MODEL_HAS_EFFORT = 1 << 18 /* ant: takes output_config.effort */
};

struct model_family {
	const char *pattern; /* glob on the upstream's model id, dated suffixes included; first
				match wins */
	const char *vendor;  /* "anthropic", "openai" */
	uint32_t traits;
	int64_t context_tokens;    /* 0 unknown */
	int64_t max_output_tokens; /* 0 unknown */
};

/* The family of a model id (any case, with or without a vendor prefix up to the last '/'); never
 * NULL: an unknown model gets a row without traits and limits (unknown newer claude-*: max 128000,
 * no sampling). */
const struct model_family *model_family_of(struct slice model);
static inline bool model_has(const struct model_family *family, enum model_trait trait) {
	return (family->traits & (uint32_t)trait) != 0;
}

/* ---- 4.5: effort and budget ---- */
/* Budget of an effort word by the default table; -1 for adaptive/auto; 0 for none; false when
 * unknown. */
bool model_effort_to_budget(struct slice effort, int64_t *budget_tokens);
/* "none" "minimal" "low" "medium" "high" "xhigh" of a budget. */
const char *model_budget_to_effort(int64_t budget_tokens);
/* The nearest effort the family knows, as the vendor spells it; NULL = leave it out. */
const char *model_clamp_effort(const struct model_family *family, struct slice effort);

#endif
