/* media.c: base64 data of media as upstreams take it. */
#include "formats/media.h"

#include "base/encoding.h"

struct slice media_clean_base64(struct arena *arena, struct slice data) {
	bool is_clean =
		slice_find_byte(data, '-') == SIZE_MAX && slice_find_byte(data, '_') == SIZE_MAX &&
		slice_find_byte(data, '\n') == SIZE_MAX &&
		slice_find_byte(data, '\r') == SIZE_MAX && slice_find_byte(data, ' ') == SIZE_MAX;
	struct buf bytes = {0}, text = {0};
	if (is_clean || !base64_decode(data, &bytes)) {
		buf_finish(&bytes);
		return data;
	}
	base64_encode(buf_slice(&bytes), false, &text);
	struct slice clean = arena_dup(arena, buf_slice(&text));
	buf_finish(&bytes);
	buf_finish(&text);
	return clean;
}
