/* toml.c: fuzz target of the TOML reader: what it accepts has valid JSON text under it. */
#include "fuzz_document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	fuzz_document(toml_parse, slice_make((const char *)data, size));
	return 0;
}
