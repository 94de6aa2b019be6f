/* yaml.c: fuzz target of the YAML reader: what it accepts has valid JSON text under it. */
#include "fuzz_document.h"
#include "fuzz_leaks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	fuzz_document(yaml_parse, slice_make((const char *)data, size));
	return 0;
}
