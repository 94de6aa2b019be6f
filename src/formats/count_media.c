/* count_media.c: what pictures, files, sound and films cost (TC-4). */
#include "base/encoding.h"
#include "formats/count_internal.h"
#include "tokens/image_size.h"

/* Of a PDF this much is searched for pages, and the rest is thought to be like it. */
#define PDF_SEARCHED_BYTES ((size_t)192 * 1024)
/* Where pages are packed away, or the file lies elsewhere. */
#define PDF_BYTES_PER_PAGE (64 * 1024)
#define UNKNOWN_FILE_PAGES 2
/* Of sound and films, by the common rates: 32 tokens a second of sound (a wave file has 32 KB of
 * it), 263 a second of film. */
#define WAVE_BYTES_PER_TOKEN 1000
#define MEDIA_BYTES_PER_TOKEN 500
#define MEDIA_MIN_TOKENS 263
/* Other files become text somewhere. */
#define FILE_BYTES_PER_TOKEN 4

/* Objects of "/Type /Page", white space between or not; "/Pages" are their lists. */
static int64_t count_pages(struct slice pdf) {
	int64_t pages = 0;
	struct slice rest = pdf, type = SLICE("/Type");
	for (size_t at; (at = slice_find(rest, type)) != SIZE_MAX;) {
		rest = slice_from(rest, at + type.len);
		struct slice word = slice_trim(slice_sub(rest, 0, 16));
		pages += slice_starts_with(word, SLICE("/Page")) &&
			 !slice_starts_with(word, SLICE("/Pages"));
	}
	return pages;
}

static int64_t pdf_pages(struct slice base64) {
	struct buf bytes = {0};
	size_t total = base64_decoded_len(base64);
	/* Four digits are three bytes. */
	struct slice searched = slice_sub(base64, 0, PDF_SEARCHED_BYTES / 3 * 4);
	int64_t pages = 0;
	if (base64_decode(searched, &bytes) && bytes.len > 0) {
		pages = count_pages(buf_slice(&bytes)) * (int64_t)total / (int64_t)bytes.len;
	}
	buf_finish(&bytes);
	return pages > 0 ? pages : 1 + (int64_t)(total / PDF_BYTES_PER_PAGE);
}

static int64_t file_tokens(const struct model_media *media, const struct chat_part *part) {
	if (part->source != CHAT_SOURCE_BASE64) {
		return (int64_t)media->pdf_page * UNKNOWN_FILE_PAGES;
	}
	bool is_pdf = slice_icontains(part->media_type, SLICE("pdf")) ||
		      slice_starts_with(part->data, SLICE("JVBERi")); /* %PDF */
	return is_pdf ? media->pdf_page * pdf_pages(part->data)
		      : (int64_t)base64_decoded_len(part->data) / FILE_BYTES_PER_TOKEN;
}

static int64_t stream_tokens(const struct chat_part *part) {
	bool is_wave = slice_icontains(part->media_type, SLICE("wav"));
	int64_t tokens = part->source == CHAT_SOURCE_BASE64
				 ? (int64_t)base64_decoded_len(part->data) /
					   (is_wave ? WAVE_BYTES_PER_TOKEN : MEDIA_BYTES_PER_TOKEN)
				 : 0;
	return tokens > MEDIA_MIN_TOKENS ? tokens : MEDIA_MIN_TOKENS;
}

static int64_t image_tokens(const struct model_media *media, const struct chat_part *part) {
	struct image_size size = {0};
	if (part->source == CHAT_SOURCE_BASE64 && !image_size_read(part->data, &size)) {
		size = (struct image_size){0};
	}
	return model_image_tokens(media, size.width, size.height, part->detail);
}

void count_visit_media(struct count_visit *visit, const struct chat_part *part) {
	const struct model_media *media = visit->model->media;
	visit->on_text(visit, part->text);
	switch (part->kind) {
	case CHAT_PART_IMAGE:
		visit->fixed += image_tokens(media, part);
		break;
	case CHAT_PART_FILE:
		visit->on_text(visit, part->title);
		visit->on_text(visit, part->context);
		if (part->source != CHAT_SOURCE_TEXT && part->source != CHAT_SOURCE_PARTS) {
			visit->fixed += file_tokens(media, part);
		}
		break;
	default:
		visit->fixed += stream_tokens(part);
		break;
	}
}
