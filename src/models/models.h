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
	MODEL_HAS_EFFORT = 1 << 18, /* ant: takes output_config.effort */
	/* gem: thinking levels, call ids, media in results, functions beside built-in tools and
	 * JSON answers, signatures that must come back (GM-6..GM-8, GM-12, GM-14, GM-17) */
	MODEL_IS_GEMINI_3 = 1 << 19,
	MODEL_REFUSES_MEDIUM = 1 << 20,    /* gem: no thinking level between LOW and HIGH */
	MODEL_REFUSES_SYSTEM = 1 << 21,    /* gem: no systemInstruction (GM-2) */
	MODEL_REFUSES_PENALTIES = 1 << 22, /* gem: presence and frequency penalties are a 400 */
	MODEL_REFUSES_TOOLS = 1 << 23,     /* gem: neither functions nor JSON mode */
	/* cc: wants its reasoning_content back within a tool loop, and only there (E-73) */
	MODEL_WANTS_LOOP_THINKING = 1 << 24,
	MODEL_WANTS_OPENAPI = 1 << 25 /* gem: schemas in the OpenAPI subset (GM-10) */
};

/* What a model takes and does, for lists of models. None at all: nothing is known about it. */
enum model_capability {
	MODEL_CAN_CHAT = 1 << 0,
	MODEL_CALLS_TOOLS = 1 << 1,
	MODEL_THINKS = 1 << 2,
	MODEL_SEES_IMAGES = 1 << 3,
	MODEL_READS_PDF = 1 << 4,
	MODEL_HEARS_AUDIO = 1 << 5,
	MODEL_SEES_VIDEO = 1 << 6,
	MODEL_MAKES_IMAGES = 1 << 7,
	MODEL_SPEAKS = 1 << 8,
	MODEL_EMBEDS = 1 << 9
};

struct model_family {
	const char *pattern; /* glob on the upstream's model id, dated suffixes included; first
				match wins */
	const char *vendor;  /* "anthropic", "openai", "google" */
	uint32_t traits;
	uint32_t capabilities;     /* enum model_capability; 0 unknown */
	int64_t context_tokens;    /* 0 unknown */
	int64_t max_output_tokens; /* 0 unknown */
	/* gem: range of thinkingBudget (GM-14); no maximum: it takes none. A minimum above 0 is
	 * that of a budget; whether 0 turns thinking off says MODEL_REFUSES_DISABLED. */
	int64_t min_budget_tokens, max_budget_tokens;
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
