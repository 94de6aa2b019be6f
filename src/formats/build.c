/* build.c: what comes before every dialect's own builder of upstream requests. */
#include "formats/format.h"

bool format_build_request(const struct format *format, const struct chat_request *request,
	const struct format_target *target, struct format_built *built, struct chat_losses *losses,
	struct error *error) {
	if (request->suffix.len > 0 && !format->takes_suffix) {
		return error_set_param(error, ERROR_INVALID_REQUEST, "suffix",
			"'suffix' cannot be sent to this model's upstream, which continues a text "
			"but "
			"fills no gap: leave it out, or ask a model of an ollama provider (CO-2)");
	}
	return format->build_request(request, target, built, losses, error);
}
