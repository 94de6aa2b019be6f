/* counting.c: lookup in the table of how models are counted, and what images cost. */
#include "models/counting.h"

/* ---- layouts: TC-3, TC-5, TC-5b, and what recorded usage adds (TC-4b) ---- */

static const struct model_layout plain = {.per_request = 0};
static const struct model_layout chatml = {.is_known = true,
	.has_plain_answers = true,
	.per_request = 3,
	.per_message = 4,
	.per_name = 1,
	.per_call = 7,
	.has_namespace = true,
	.tools_prompt = 9,
	.tools_system_credit = 4,
	.schema_prompt = 17};
static const struct model_layout reasoning = {.is_known = true,
	.per_request = 2,
	.per_message = 4,
	.per_name = 1,
	.per_call = 12,
	.has_namespace = true,
	.tools_prompt = 91,
	.schema_prompt = 17};
/* Search models have prompts of their own. */
static const struct model_layout search = {
	.per_request = 3, .per_message = 4, .per_name = 1, .has_namespace = true};
static const struct model_layout first_o1 = {
	.per_request = 10, .per_message = 4, .per_name = 1, .has_namespace = true};
static const struct model_layout harmony = {.per_request = 75,
	.per_message = 4,
	.per_name = 1,
	.per_call = 12,
	.has_namespace = true,
	.tools_prompt = 25,
	.schema_prompt = 10};
static const struct model_layout claude_4 = {.per_request = 4,
	.per_message = 3,
	.per_call = 30,
	.tools_prompt = 340,
	.schema_prompt = 130,
	.thinking_prompt = 29,
	.citations_prompt = 580};
static const struct model_layout claude_4_5 = {.per_request = 4,
	.per_message = 3,
	.per_call = 45,
	.tools_prompt = 500,
	.tools_prompt_forced = 110,
	.schema_prompt = 130,
	.thinking_prompt = 29,
	.citations_prompt = 580};
static const struct model_layout claude_4_7 = {.per_request = 4,
	.per_message = 4,
	.per_call = 45,
	.tools_prompt = 610,
	.tools_prompt_forced = 110,
	.schema_prompt = 160,
	.citations_prompt = 690};
static const struct model_layout gemini = {.per_call = 4, .is_schema_free = true};
static const struct model_layout mistral = {.per_request = 3,
	.per_message = 4,
	.per_call = 15,
	.has_namespace = true,
	.tools_prompt = 60,
	.schema_prompt = 30};
/* Of the rest only this much is known: their prompts for tools are long. */
static const struct model_layout generic = {.per_request = 3,
	.per_message = 4,
	.per_name = 1,
	.per_call = 20,
	.has_namespace = true,
	.tools_prompt = 150,
	.schema_prompt = 30};

/* ---- media: TC-4 ---- */

#define UNKNOWN_TILES 4
#define UNKNOWN_PATCHES 1024 /* 1024 px square */

static const struct model_media tiles = {.rule = MODEL_IMAGE_TILES,
	.base = 85,
	.unit = 170,
	.unknown = 85 + UNKNOWN_TILES * 170,
	.pdf_page = 800};
static const struct model_media tiles_mini = {.rule = MODEL_IMAGE_TILES,
	.base = 2833,
	.unit = 5667,
	.unknown = 2833 + UNKNOWN_TILES * 5667,
	.pdf_page = 800};
static const struct model_media patches_mini = {.rule = MODEL_IMAGE_PATCHES,
	.unit = 1620,
	.max = 1536,
	.unknown = UNKNOWN_PATCHES * 1620 / 1000,
	.pdf_page = 1000};
static const struct model_media patches_nano = {.rule = MODEL_IMAGE_PATCHES,
	.unit = 2460,
	.max = 1536,
	.unknown = UNKNOWN_PATCHES * 2460 / 1000,
	.pdf_page = 1000};
static const struct model_media patches_o4 = {.rule = MODEL_IMAGE_PATCHES,
	.unit = 1720,
	.max = 1536,
	.unknown = UNKNOWN_PATCHES * 1720 / 1000,
	.pdf_page = 1000};
static const struct model_media area = {
	.rule = MODEL_IMAGE_AREA, .max = 1600, .fit = 1568, .unknown = 1600, .pdf_page = 2700};
static const struct model_media area_large = {
	.rule = MODEL_IMAGE_AREA, .max = 4784, .fit = 2576, .unknown = 1600, .pdf_page = 3200};
static const struct model_media crops = {
	.rule = MODEL_IMAGE_CROPS, .unit = 258, .unknown = 258 * 4, .pdf_page = 258};
static const struct model_media levels = {.rule = MODEL_IMAGE_LEVELS,
	.base = 280,
	.unit = 1120,
	.max = 1120,
	.unknown = 1120,
	.pdf_page = 560};

/* ---- the table ---- */

static const struct model_counting rows[] = {
#define COUNTING(pattern, encoding, is_own, factor, layout, media)                                 \
	{pattern, encoding, is_own, factor, &layout, &media},
#include "models/counting.def"
#undef COUNTING
};

static const struct model_counting unknown_row = {"*", "o200k", false, 1100, &generic, &tiles};

const struct model_counting *model_counting_of(struct slice model) {
	for (size_t at; (at = slice_find_byte(model, '/')) != SIZE_MAX;) {
		model = slice_from(model, at + 1);
	}
	if (slice_istarts_with(model, SLICE("ft:"))) {
		model = slice_from(model, strlen("ft:"));
	}
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (slice_glob(slice_of(rows[i].pattern), model, true)) {
			return &rows[i];
		}
	}
	return &unknown_row;
}

/* ---- images ---- */

static double at_most(double value, double most) {
	return value < most ? value : most;
}

/* Squares side by side that cover a length. What scaling leaves over, less than half a pixel, needs
 * none of its own. */
static int64_t cells_along(double length, double side) {
	int64_t whole = (int64_t)(length / side);
	return whole + ((double)whole * side + 0.5 <= length || whole == 0);
}

static int64_t cells(double width, double height, double side) {
	return cells_along(width, side) * cells_along(height, side);
}

static int64_t tile_tokens(const struct model_media *media, double width, double height) {
	double scale = at_most(1, 2048 / (width > height ? width : height));
	width *= scale;
	height *= scale;
	scale = at_most(1, 768 / (width < height ? width : height));
	return media->base + media->unit * cells(width * scale, height * scale, 512);
}

static int64_t patch_tokens(const struct model_media *media, double width, double height) {
	int64_t patches = cells(width, height, 32);
	patches = patches < media->max ? patches : media->max;
	return (patches * media->unit + 999) / 1000;
}

static int64_t area_tokens(const struct model_media *media, double width, double height) {
	double scale = at_most(1, media->fit / (width > height ? width : height));
	double tokens = width * scale * height * scale / 750;
	return (int64_t)at_most(tokens, media->max) + 1;
}

int64_t model_image_tokens(
	const struct model_media *media, uint32_t width, uint32_t height, struct slice detail) {
	bool is_low = slice_is(detail, "low");
	if (media->rule == MODEL_IMAGE_LEVELS) {
		return is_low ? media->base : slice_is(detail, "high") ? media->max : media->unit;
	}
	if (media->rule == MODEL_IMAGE_TILES && is_low) {
		return media->base;
	}
	if (width == 0 || height == 0) {
		return media->unknown;
	}
	switch (media->rule) {
	case MODEL_IMAGE_TILES:
		return tile_tokens(media, width, height);
	case MODEL_IMAGE_PATCHES:
		return patch_tokens(media, width, height);
	case MODEL_IMAGE_AREA:
		return area_tokens(media, width, height);
	default:
		return width <= 384 && height <= 384 ? media->unit
						     : media->unit * cells(width, height, 768);
	}
}
