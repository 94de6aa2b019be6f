/* fuzz_leaks.h: leaks that are not ours to mend, for targets that read YAML. */
#ifndef LLMMUX_FUZZ_LEAKS_H
#define LLMMUX_FUZZ_LEAKS_H

/* libfyaml 0.7.12 loses a buffer or a token on some of its error paths. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
	return "leak:libfyaml.so\n";
}

#endif
