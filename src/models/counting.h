/* counting.h: how the tokens of requests to a family of models are counted (formats.md section 6).
 * Data in counting.def and in the tables of counting.c. */
#ifndef LLMMUX_MODELS_COUNTING_H
#define LLMMUX_MODELS_COUNTING_H

#include "base/slice.h"

/* What a request costs beyond its texts, in tokens of the family. */
struct model_layout {
	bool is_known;           /* a request of plain texts costs exactly this */
	bool has_plain_answers;  /* turns of the assistant are no exception to that */
	int per_request;         /* the reply's primer, hidden preambles */
	int per_message;         /* with its role */
	int per_name;            /* of a message, beside the name's text */
	int per_call;            /* a tool call and its result, beside their texts */
	bool has_namespace;      /* tools are told as TypeScript-like declarations, else as JSON */
	int tools_prompt;        /* once, when there is a client's tool */
	int tools_prompt_forced; /* more, when the choice forces one */
	int tools_system_credit; /* less, when tools or a schema share the system message */
	int schema_prompt;       /* of structured output, beside the schema's text */
	bool is_schema_free;     /* structured output is no part of the prompt */
	int thinking_prompt;     /* of thinking with a budget */
	int citations_prompt;    /* once, when a document may be cited */
};

/* How an image is measured (TC-4). */
enum model_image_rule {
	MODEL_IMAGE_TILES,   /* fit in 2048, short side to 768: base + unit per 512 px tile */
	MODEL_IMAGE_PATCHES, /* unit/1000 per 32 px patch, at most max patches */
	MODEL_IMAGE_AREA,    /* long side to fit: one per 750 px, at most max tokens */
	MODEL_IMAGE_CROPS,   /* unit when both sides are <= 384 px, else unit per 768 px tile */
	MODEL_IMAGE_LEVELS   /* by the level of detail: base low, unit unset and medium, max high */
};
struct model_media {
	enum model_image_rule rule;
	int base, unit, max;
	int fit;      /* AREA: px of the long side */
	int unknown;  /* an image whose size is not known */
	int pdf_page; /* a page of a PDF, its picture included */
};

struct model_counting {
	const char *pattern;    /* glob on the model id, first match wins */
	const char *encoding;   /* vocabulary that counts texts: "o200k" */
	bool is_own_vocabulary; /* the family's own; else the nearest one that is published */
	int factor_permille;    /* tokens of the family per 1000 of the vocabulary */
	const struct model_layout *layout;
	const struct model_media *media;
};

/* The row for a model id (any case, with or without a vendor prefix up to the last '/', fine-tuned
 * ones as "ft:gpt-4o:..."); never NULL: an unknown model is counted a little high. */
const struct model_counting *model_counting_of(struct slice model);

/* Tokens of an image. Sizes of 0 are not known. `detail` is low, high, auto, original or absent. */
int64_t model_image_tokens(
	const struct model_media *media, uint32_t width, uint32_t height, struct slice detail);

#endif
